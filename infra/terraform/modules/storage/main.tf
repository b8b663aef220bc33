# The staging bucket. What belongs to one cluster goes after a week: its keys, what its nodes said. What others rely on
# stays: the nodes' files and environments (DAGs name them), the ledger of reservations and spending, the audit trail.

locals {
  ephemeral = [
    "${var.folder}/clusters/",
    "${var.folder}/doctor-",
    "google-cloud-dataproc-metainfo/",
  ]
}

resource "google_storage_bucket" "staging" {
  project                     = var.project
  name                        = var.name
  location                    = var.location
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = false

  encryption {
    default_kms_key_name = var.kms_key
  }

  # The ledger as it was before somebody's mistake; a day of it.
  versioning {
    enabled = true
  }

  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      age            = var.ephemeral_days
      matches_prefix = local.ephemeral
    }
  }

  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      days_since_noncurrent_time = 1
      with_state                 = "ARCHIVED"
    }
  }

  lifecycle_rule {
    action {
      type = "AbortIncompleteMultipartUpload"
    }
    condition {
      age = 1
    }
  }
}

resource "google_storage_bucket_iam_member" "users" {
  for_each = var.users

  bucket = google_storage_bucket.staging.name
  role   = "roles/storage.objectUser"
  member = each.value
}

resource "google_storage_bucket_iam_member" "readers" {
  for_each = var.readers

  bucket = google_storage_bucket.staging.name
  role   = "roles/storage.objectViewer"
  member = each.value
}
