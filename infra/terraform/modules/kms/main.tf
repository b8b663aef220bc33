# The keys of what is stored, one for each kind, and which of Google's own accounts may use which.

locals {
  # key => Google's services whose own accounts of this project encrypt with it; Logging's has a name of its own
  agents = {
    storage  = []
    dataproc = ["compute-system", "dataproc-accounts"]
    composer = concat(
      ["cloudcomposer-accounts"],
      var.composer_generation == 3 ? [] : ["compute-system", "container-engine-robot", "gcp-sa-artifactregistry", "gcp-sa-pubsub"],
    )
    logging = []
  }
  grants = merge([
    for key, services in local.agents : { for service in services : "${key} ${service}" => { key = key, service = service } }
  ]...)
}

# Asking for these accounts makes them, where there are none yet.
data "google_storage_project_service_account" "this" {
  project = var.project
}

data "google_logging_project_cmek_settings" "this" {
  project = var.project
}

resource "google_kms_key_ring" "this" {
  project  = var.project
  location = var.location
  name     = var.name
}

resource "google_kms_crypto_key" "this" {
  for_each = local.agents

  name                       = "${each.key}-cmek"
  key_ring                   = google_kms_key_ring.this.id
  purpose                    = "ENCRYPT_DECRYPT"
  rotation_period            = "${var.rotation_days * 86400}s"
  destroy_scheduled_duration = "2592000s"

  lifecycle {
    prevent_destroy = true
  }
}

resource "google_kms_crypto_key_iam_member" "agents" {
  for_each = local.grants

  crypto_key_id = google_kms_crypto_key.this[each.value.key].id
  role          = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
  member        = "serviceAccount:service-${var.project_number}@${each.value.service}.iam.gserviceaccount.com"
}

resource "google_kms_crypto_key_iam_member" "storage" {
  for_each = toset(["storage", "composer"])

  crypto_key_id = google_kms_crypto_key.this[each.value].id
  role          = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
  member        = data.google_storage_project_service_account.this.member
}

resource "google_kms_crypto_key_iam_member" "logging" {
  crypto_key_id = google_kms_crypto_key.this["logging"].id
  role          = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
  member        = "serviceAccount:${data.google_logging_project_cmek_settings.this.service_account_id}"
}
