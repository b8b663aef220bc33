variable "project" {
  description = "Google Cloud project id."
  type        = string
}

variable "groups" {
  description = "The Google group of each role of report A02's matrix, as data-engineers@example.com; null where there is none."
  type = object({
    data_scientist = optional(string)
    data_engineer  = optional(string)
    ml_engineer    = optional(string)
    platform_admin = optional(string)
  })
  default = {}

  validation {
    condition     = alltrue([for group in values(var.groups) : group == null || can(regex("^[^@:\\s]+@[^@:\\s]+\\.[a-z]+$", group))])
    error_message = "groups: allowed is the address of a Google group, as data-engineers@example.com."
  }
}

variable "secrets" {
  description = "Secrets that clusters name (git_secret, packages.index-secret): the nodes may read these and no other."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for secret in var.secrets : can(regex("^projects/[^/]+/secrets/[A-Za-z0-9_-]+$", secret))])
    error_message = "secrets: allowed are names of secrets, projects/P/secrets/S, never their values."
  }
}

variable "repository" {
  description = "GitHub repository whose workflow syncs DAGs to Composer, OWNER/NAME; null for none."
  type        = string
  default     = null

  validation {
    condition     = var.repository == null || can(regex("^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$", var.repository))
    error_message = "repository: allowed is OWNER/NAME."
  }
}

variable "branch" {
  description = "The branch of `repository` from which the workflow may sign in."
  type        = string
  default     = "main"

  validation {
    condition     = can(regex("^[A-Za-z0-9._/-]+$", var.branch))
    error_message = "branch: allowed is the name of a branch."
  }
}

variable "environment" {
  description = "The environment of `repository` that the workflow's job runs in: who may approve is set there."
  type        = string
  default     = "composer"

  validation {
    condition     = can(regex("^[A-Za-z0-9._-]+$", var.environment))
    error_message = "environment: allowed is the name of a GitHub environment, of letters, digits, ., _ and -."
  }
}
