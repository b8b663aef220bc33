variable "billing_account" {
  description = "Id of the billing account, XXXXXX-XXXXXX-XXXXXX."
  type        = string

  validation {
    condition     = can(regex("^[0-9A-F]{6}-[0-9A-F]{6}-[0-9A-F]{6}$", var.billing_account))
    error_message = "billing_account: allowed is XXXXXX-XXXXXX-XXXXXX, as `gcloud billing accounts list` says it."
  }
}

variable "project_number" {
  description = "Number of the project."
  type        = string
}

variable "currency" {
  description = "Currency of the billing account."
  type        = string
  default     = "USD"

  validation {
    condition     = can(regex("^[A-Z]{3}$", var.currency))
    error_message = "currency: allowed is an ISO 4217 code, as USD."
  }
}

variable "amount" {
  description = "What the project may cost a month: `dataproc.budgets.project`."
  type        = number

  validation {
    condition     = var.amount > 0 && floor(var.amount) == var.amount
    error_message = "amount: allowed is a whole number above 0."
  }
}

variable "users" {
  description = "What each of these owners' clusters may cost a month, by the label `owner`: `dataproc.budgets.users`."
  type        = map(number)
  default     = {}

  validation {
    condition     = alltrue([for user, amount in var.users : can(regex("^[a-z0-9-]{1,63}$", user)) && amount > 0 && floor(amount) == amount])
    error_message = "users: allowed are names as the label owner has them, with whole numbers above 0."
  }
}

variable "channels" {
  description = "Ids of the notification channels that are told; Cloud Billing takes five at most."
  type        = list(string)

  validation {
    condition     = length(var.channels) <= 5
    error_message = "channels: allowed are five at most."
  }
}

variable "viewers" {
  description = "Groups that may see what everything costs."
  type        = set(string)
  default     = []
}
