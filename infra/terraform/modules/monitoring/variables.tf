variable "project" {
  description = "Google Cloud project id."
  type        = string
}

variable "location" {
  description = "Region of the logs."
  type        = string
}

variable "kms_key" {
  description = "Id of the key of the logs."
  type        = string
  nullable    = false
}

variable "folder" {
  description = "Folder with policies/*.json and dashboards/*.json in the form of Cloud Monitoring's API; null is infra/monitoring."
  type        = string
  default     = null
}

variable "emails" {
  description = "Who is told by mail."
  type        = set(string)

  validation {
    condition     = length(var.emails) > 0 && alltrue([for email in var.emails : can(regex("^[^@\\s]+@[^@\\s]+\\.[a-z]+$", email))])
    error_message = "emails: allowed is at least one address, as oncall@example.com."
  }
}

variable "slack" {
  description = "A Slack channel, and the secret that holds the app's token."
  type = object({
    channel = string
    secret  = string
  })
  default = null

  validation {
    condition     = var.slack == null || can(regex("^projects/[^/]+/secrets/[A-Za-z0-9_-]+$", var.slack.secret)) && can(regex("^#", var.slack.channel))
    error_message = "slack: allowed are channel = \"#…\" and secret = projects/P/secrets/S, never the token itself."
  }
}

variable "pagerduty" {
  description = "The secret that holds the key of PagerDuty's service."
  type = object({
    secret = string
  })
  default = null

  validation {
    condition     = var.pagerduty == null || can(regex("^projects/[^/]+/secrets/[A-Za-z0-9_-]+$", var.pagerduty.secret))
    error_message = "pagerduty: allowed is secret = projects/P/secrets/S, never the key itself."
  }
}

variable "retention_days" {
  description = "Days that the logs of clusters, Composer and audits are kept."
  type        = number
  default     = 90

  validation {
    condition     = var.retention_days >= 1 && var.retention_days <= 3650
    error_message = "retention_days: allowed is 1 to 3650."
  }
}
