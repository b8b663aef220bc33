variable "project" {
  description = "Google Cloud project id."
  type        = string
}

variable "location" {
  description = "Where the bucket is: the clusters' region."
  type        = string
}

variable "name" {
  description = "Name of the staging bucket, unique in the world."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][-a-z0-9_]{1,61}[a-z0-9]$", var.name))
    error_message = "name: allowed are 3 to 63 of a-z, 0-9, - and _, with a letter or digit at both ends."
  }
}

variable "folder" {
  description = "Folder of dask-dataproc in it: `staging` of a cluster is gs://NAME/FOLDER."
  type        = string
  default     = "dask"

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]+$", var.folder))
    error_message = "folder: allowed are letters, digits, _ and -."
  }
}

variable "kms_key" {
  description = "Id of the key that everything in it is encrypted with."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^projects/.+/cryptoKeys/.+$", var.kms_key))
    error_message = "kms_key: allowed is projects/P/locations/L/keyRings/R/cryptoKeys/K."
  }
}

variable "ephemeral_days" {
  description = "Days after which what belongs to one cluster is deleted (report A02: 7); no cluster may live longer."
  type        = number
  default     = 7

  validation {
    condition     = var.ephemeral_days >= 1 && var.ephemeral_days <= 14
    error_message = "ephemeral_days: allowed is 1 to 14; Dataproc lets no cluster live longer than 14 days."
  }
}

variable "users" {
  description = "Who may read and write in it, by a name of yours: members as serviceAccount:… and group:…."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for member in values(var.users) : can(regex("^(serviceAccount|group):[^:]+@[^:]+$", member))])
    error_message = "users: allowed are serviceAccount:… and group:…: whoever may read the bucket may use its clusters."
  }
}

variable "readers" {
  description = "Who may read in it, as of `users`."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for member in values(var.readers) : can(regex("^(serviceAccount|group):[^:]+@[^:]+$", member))])
    error_message = "readers: allowed are serviceAccount:… and group:…: whoever may read the bucket may use its clusters."
  }
}
