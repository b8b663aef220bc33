variable "project" {
  description = "Google Cloud project id."
  type        = string
}

variable "project_number" {
  description = "Number of the project, which Composer's service agent is named by."
  type        = string
}

variable "region" {
  description = "Region of the environment: the clusters'."
  type        = string
}

variable "name" {
  description = "Name of the environment (ADR-003); null takes the one of pipelines/composer/files/environment.yaml."
  type        = string
  default     = null
}

variable "image_version" {
  description = "Composer's and Airflow's version. `gcloud composer environments list-upgrades` and Google's list of versions say which there are."
  type        = string

  validation {
    condition     = can(regex("^composer-(2(\\.[0-9]+\\.[0-9]+)?|3)-airflow-[23](\\.[0-9]+(\\.[0-9]+)?)?(-build\\.[0-9]+)?$", var.image_version))
    error_message = "image_version: allowed is Composer 2 or 3, as composer-3-airflow-3 or composer-2.13.1-airflow-2.10.5."
  }
  validation {
    condition     = !(startswith(var.image_version, "composer-2") && strcontains(var.image_version, "-airflow-3"))
    error_message = "image_version: Airflow 3 is Composer 3's alone."
  }
}

variable "network" {
  description = "Id of the VPC."
  type        = string
}

variable "subnetwork" {
  description = "Id of the subnet that Composer is in."
  type        = string
}

variable "secondary_ranges" {
  description = "Names of the subnet's secondary ranges for pods and services; Composer 2 needs them."
  type = object({
    pods     = string
    services = string
  })
  default = null
}

variable "control_plane_range" {
  description = "Range of Composer 2's control plane (ADR-003)."
  type        = string
  default     = "172.16.0.0/28"

  validation {
    condition     = can(cidrnetmask(var.control_plane_range)) && endswith(var.control_plane_range, "/28")
    error_message = "control_plane_range: allowed is an IPv4 range of 16 addresses, as 172.16.0.0/28."
  }
}

variable "database_range" {
  description = "Range of Composer 2's database (ADR-003)."
  type        = string
  default     = "172.16.0.16/28"

  validation {
    condition     = can(cidrnetmask(var.database_range))
    error_message = "database_range: allowed is an IPv4 range, as 172.16.0.16/28."
  }
}

variable "administrators_range" {
  description = "Range from which Composer 2's control plane may be reached: the management subnet (ADR-003)."
  type        = string
  default     = "10.10.1.0/24"

  validation {
    condition     = can(cidrnetmask(var.administrators_range)) && var.administrators_range != "0.0.0.0/0"
    error_message = "administrators_range: allowed is an IPv4 range that is not the world."
  }
}

variable "web_ranges" {
  description = "Addresses from which people may open Airflow's pages, where they sign in with Google besides."
  type        = list(string)

  validation {
    condition     = length(var.web_ranges) > 0 && alltrue([for range in var.web_ranges : can(cidrnetmask(range)) && !endswith(range, "/0")])
    error_message = "web_ranges: allowed are the IPv4 ranges of your offices or VPN, and not the world."
  }
}

variable "service_account" {
  description = "Address of the account that Composer runs as."
  type        = string
}

variable "service_account_name" {
  description = "Its resource name."
  type        = string
}

variable "kms_key" {
  description = "Id of the key of the environment, its database and its bucket."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^projects/.+/cryptoKeys/.+$", var.kms_key))
    error_message = "kms_key: allowed is projects/P/locations/L/keyRings/R/cryptoKeys/K."
  }
}

variable "bucket" {
  description = "Name of the environment's bucket, unique in the world."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][-a-z0-9_]{1,61}[a-z0-9]$", var.bucket))
    error_message = "bucket: allowed are 3 to 63 of a-z, 0-9, - and _, with a letter or digit at both ends."
  }
}

variable "syncer" {
  description = "Who syncs DAGs into the bucket, as serviceAccount:…; null for nobody."
  type        = string
  default     = null
}

variable "size" {
  description = "Size of Composer's own parts."
  type        = string
  default     = "ENVIRONMENT_SIZE_SMALL"

  validation {
    condition     = contains(["ENVIRONMENT_SIZE_SMALL", "ENVIRONMENT_SIZE_MEDIUM", "ENVIRONMENT_SIZE_LARGE"], var.size)
    error_message = "size: allowed is ENVIRONMENT_SIZE_SMALL, ENVIRONMENT_SIZE_MEDIUM or ENVIRONMENT_SIZE_LARGE."
  }
}

variable "workers" {
  description = "Fewest and most Airflow workers; ADR-003's three machines are the most."
  type = object({
    least = optional(number, 1)
    most  = optional(number, 3)
  })
  default = {}

  validation {
    condition     = var.workers.least >= 1 && var.workers.most >= var.workers.least
    error_message = "workers: allowed is at least 1, and most not below least."
  }
}
