variable "project" {
  description = "Google Cloud project id; the constraints hold for its clusters."
  type        = string
}

variable "region" {
  description = "Region of the autoscaling policies."
  type        = string
}

variable "organization" {
  description = "The organization's number, in which the custom constraints are; null for a project without one: then nothing but this tool holds the bounds."
  type        = string

  validation {
    condition     = var.organization == null || can(regex("^[0-9]+$", var.organization))
    error_message = "organization: allowed is the organization's number, or null for a project without one."
  }
}

variable "prefix" {
  description = "What the constraints' names begin with: they are unique in the organization."
  type        = string
  default     = "dask"

  validation {
    condition     = can(regex("^[a-z][A-Za-z0-9]{0,30}$", var.prefix))
    error_message = "prefix: allowed are at most 31 letters and digits."
  }
}

variable "enforce" {
  description = "Whether what breaks a constraint is refused; false only logs it (dry run)."
  type        = bool
  default     = true
}

variable "limits" {
  description = "What one cluster may have; null is no bound. The default is the class batch, the most generous one with bounds (clusters/quotas.py)."
  type = object({
    workers   = optional(number)
    memory_gb = optional(number)
    duration  = optional(number)
    disk_gb   = optional(number)
  })
  default = {
    workers   = 8
    memory_gb = 112
    duration  = 86400
    disk_gb   = 500
  }

  validation {
    condition     = alltrue([for limit in values(var.limits) : limit == null || try(limit > 0 && floor(limit) == limit, false)])
    error_message = "limits: allowed are whole numbers above 0, or null for no bound."
  }
  validation {
    condition     = var.limits.duration == null || try(var.limits.duration >= 600 && var.limits.duration <= 1209600, false)
    error_message = "limits.duration: allowed are 600 to 1209600 s, which are Dataproc's own bounds."
  }
}

variable "machine_types" {
  description = "The machine types that clusters may be of, with the GB of their Dask workers (clusters/footprint.py)."
  type        = map(number)
  default = {
    n2-standard-2 = 6
    n2-standard-4 = 14
    n2-standard-8 = 30
    n2-highmem-2  = 14
    n2-highmem-4  = 30
    n2-highmem-8  = 62
  }

  validation {
    condition     = length(var.machine_types) > 0 && alltrue([for type in keys(var.machine_types) : can(regex("^[a-z0-9-]+$", type))])
    error_message = "machine_types: allowed are names of machine types with GB, as { n2-standard-4 = 14 }."
  }
}

variable "autoscaling" {
  description = "Bounds of the policies that clusters may have: fewest and most primary workers, most secondary ones. The defaults fill the classes standard, power and batch."
  type = list(object({
    min_workers   = number
    max_workers   = number
    max_secondary = number
  }))
  default = [
    { min_workers = 2, max_workers = 2, max_secondary = 1 },
    { min_workers = 2, max_workers = 3, max_secondary = 2 },
    { min_workers = 2, max_workers = 3, max_secondary = 5 },
  ]

  validation {
    condition     = alltrue([for each in var.autoscaling : each.min_workers >= 2 && each.max_workers >= each.min_workers && each.max_secondary >= 0])
    error_message = "autoscaling: allowed are at least 2 primary workers, and max_workers not below min_workers."
  }
  validation {
    condition     = var.limits.workers == null || alltrue([for each in var.autoscaling : try(each.max_workers + each.max_secondary <= var.limits.workers, true)])
    error_message = "autoscaling: allowed are at most limits.workers, primary and secondary ones together."
  }
}

variable "service_account" {
  description = "Address of the account that nodes have to be."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9-]+@[a-z0-9.-]+$", var.service_account))
    error_message = "service_account: allowed is an address, as sa-dataproc-runtime@PROJECT.iam.gserviceaccount.com."
  }
}

variable "subnetwork" {
  description = "Name of the subnet that clusters have to be in."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$", var.subnetwork))
    error_message = "subnetwork: allowed is the subnet's name, without its path."
  }
}

variable "tag" {
  description = "Network tag that nodes have to have, and may have no other: the firewall's rules are for it."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$", var.tag))
    error_message = "tag: allowed is one network tag."
  }
}

variable "kms_key" {
  description = "Id of the key that disks have to be encrypted with."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^projects/[^/']+/locations/[^/']+/keyRings/[^/']+/cryptoKeys/[^/']+$", var.kms_key))
    error_message = "kms_key: allowed is projects/P/locations/L/keyRings/R/cryptoKeys/K."
  }
}

variable "labels" {
  description = "Labels that every cluster has to have; dask-dataproc sets these."
  type        = set(string)
  default     = ["dask-dataproc", "lifecycle", "owner"]

  validation {
    condition     = alltrue([for label in var.labels : can(regex("^[a-z][a-z0-9_-]{0,62}$", label))])
    error_message = "labels: allowed are names of labels, of a-z, 0-9, _ and -."
  }
}
