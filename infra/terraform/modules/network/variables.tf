variable "project" {
  description = "Google Cloud project id."
  type        = string

  validation {
    condition     = can(regex("^[a-z][-a-z0-9]{4,28}[a-z0-9]$", var.project))
    error_message = "project: allowed is a project id of 6 to 30 of a-z, 0-9 and -."
  }
}

variable "region" {
  description = "Region of the subnets, the router and the NAT."
  type        = string

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "region: allowed is a region, as europe-west1."
  }
}

variable "name" {
  description = "Name of the VPC (ADR-003)."
  type        = string
  default     = "vpc-data-platform"

  validation {
    condition     = can(regex("^[a-z]([-a-z0-9]{0,50}[a-z0-9])?$", var.name))
    error_message = "name: allowed is a name of at most 52 of a-z, 0-9 and -."
  }
}

variable "subnets" {
  description = "Primary ranges: where notebooks run, where Composer does, and where clusters do (ADR-001: 10.10.3.0/24)."
  type = object({
    management = string
    services   = string
    dataproc   = string
  })
  default = {
    management = "10.10.1.0/24"
    services   = "10.10.2.0/24"
    dataproc   = "10.10.3.0/24"
  }

  validation {
    condition     = alltrue([for range in values(var.subnets) : can(cidrnetmask(range))])
    error_message = "subnets: allowed are IPv4 ranges, as 10.10.3.0/24."
  }
  validation {
    condition     = length(distinct(values(var.subnets))) == 3
    error_message = "subnets: allowed are three different ranges."
  }
  validation {
    condition     = alltrue([for range in values(var.subnets) : can(regex("^(10\\.|172\\.(1[6-9]|2[0-9]|3[01])\\.|192\\.168\\.)", range))])
    error_message = "subnets: allowed are private ranges (RFC 1918)."
  }
}

variable "composer_ranges" {
  description = "Secondary ranges of the services subnet, for the pods and services of Composer 2."
  type = object({
    pods     = string
    services = string
  })
  default = {
    pods     = "10.20.0.0/17"
    services = "10.20.128.0/22"
  }

  validation {
    condition     = can(cidrnetmask(var.composer_ranges.pods)) && can(cidrnetmask(var.composer_ranges.services))
    error_message = "composer_ranges: allowed are IPv4 ranges, as 10.20.0.0/17."
  }
}

variable "filestore_ranges" {
  description = "Addresses of the Filestore that clusters mount; none when there is none."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for range in var.filestore_ranges : can(cidrnetmask(range))])
    error_message = "filestore_ranges: allowed are IPv4 ranges, as 10.10.2.100/32."
  }
}

variable "git_ranges" {
  description = "Addresses of the git server that nodes check out from; none when there is none."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for range in var.git_ranges : can(cidrnetmask(range))])
    error_message = "git_ranges: allowed are IPv4 ranges, as 203.0.113.7/32."
  }
}

variable "package_ranges" {
  description = "Where nodes may fetch the kernel's packages by HTTPS: through the NAT anywhere, unless the index is in the VPC."
  type        = list(string)
  default     = ["0.0.0.0/0"]

  validation {
    condition     = alltrue([for range in var.package_ranges : can(cidrnetmask(range))])
    error_message = "package_ranges: allowed are IPv4 ranges, as 10.10.2.20/32."
  }
}

variable "yarn" {
  description = "Whether kernels and Composer may open YARN's own pages (runtime=yarn, without Component Gateway)."
  type        = bool
  default     = false
}

variable "iap" {
  description = "Whether the dashboard may be reached through Identity-Aware Proxy, from outside of the VPC."
  type        = bool
  default     = false
}
