variable "project" {
  description = "Google Cloud project id."
  type        = string
}

variable "region" {
  description = "Region of everything."
  type        = string
  default     = "us-central1"
}

variable "organization" {
  description = "The organization's number; null for a project without one, which then has no constraints on the server's side."
  type        = string
}

variable "enforce" {
  description = "Whether what breaks a constraint is refused; false only logs it. Begin with false."
  type        = bool
  default     = true
}

variable "billing_account" {
  description = "Id of the billing account, XXXXXX-XXXXXX-XXXXXX."
  type        = string
}

variable "budget" {
  description = "What the project, and each person or some, may cost a month."
  type = object({
    project = number
    user    = optional(number)
    users   = optional(map(number), {})
  })
}

variable "image_version" {
  description = "Composer's and Airflow's version; as it is here, the newest of Composer 3 with Airflow 2. Pin it."
  type        = string
  default     = "composer-3-airflow-2"
}

variable "web_ranges" {
  description = "Addresses from which people may open Airflow's pages."
  type        = list(string)
}

variable "emails" {
  description = "Who is told by mail."
  type        = set(string)
}

variable "slack" {
  description = "As of module monitoring."
  type = object({
    channel = string
    secret  = string
  })
  default = null
}

variable "pagerduty" {
  description = "As of module monitoring."
  type = object({
    secret = string
  })
  default = null
}

variable "groups" {
  description = "The Google group of each role, as of module service_accounts."
  type = object({
    data_scientist = optional(string)
    data_engineer  = optional(string)
    ml_engineer    = optional(string)
    platform_admin = optional(string)
  })
  default = {}
}

variable "secrets" {
  description = "Secrets that clusters name, as of module service_accounts."
  type        = set(string)
  default     = []
}

variable "repository" {
  description = "GitHub repository whose workflow syncs DAGs, OWNER/NAME."
  type        = string
  default     = null
}

variable "filestore_ranges" {
  description = "As of module network."
  type        = list(string)
  default     = []
}
