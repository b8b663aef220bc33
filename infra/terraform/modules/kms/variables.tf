variable "project" {
  description = "Google Cloud project id."
  type        = string
}

variable "location" {
  description = "Where the keys are: the region of what they encrypt."
  type        = string
}

variable "name" {
  description = "Name of the key ring (ADR-003)."
  type        = string
  default     = "sec-core"

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,63}$", var.name))
    error_message = "name: allowed are 1 to 63 letters, digits, _ and -."
  }
}

variable "rotation_days" {
  description = "Days after which a key has a new version."
  type        = number
  default     = 90

  validation {
    condition     = var.rotation_days >= 1 && var.rotation_days <= 90 && floor(var.rotation_days) == var.rotation_days
    error_message = "rotation_days: allowed is a whole number of days, 1 to 90."
  }
}

variable "project_number" {
  description = "Number of the project, which Google's own service accounts are named by."
  type        = string
}

variable "composer_generation" {
  description = "2 or 3: Composer 2's machines and images are of more services than Composer 3's."
  type        = number
  default     = 3

  validation {
    condition     = contains([2, 3], var.composer_generation)
    error_message = "composer_generation: allowed is 2 or 3."
  }
}
