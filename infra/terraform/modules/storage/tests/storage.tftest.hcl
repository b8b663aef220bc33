mock_provider "google" {}

variables {
  project  = "my-project-1"
  location = "europe-west1"
  name     = "my-project-1-dask-staging"
  kms_key  = "projects/my-project-1/locations/europe-west1/keyRings/sec-core/cryptoKeys/storage-cmek"
  users    = { composer = "serviceAccount:sa-composer@my-project-1.iam.gserviceaccount.com" }
}

run "private_encrypted_and_a_week_old_at_most" {
  assert {
    condition     = google_storage_bucket.staging.uniform_bucket_level_access && google_storage_bucket.staging.public_access_prevention == "enforced"
    error_message = "Something in it could be made public."
  }
  assert {
    condition     = google_storage_bucket.staging.encryption[0].default_kms_key_name == var.kms_key
    error_message = "It is not encrypted with our key."
  }
  assert {
    condition     = one(google_storage_bucket.staging.lifecycle_rule[0].condition).age == 7 && one(google_storage_bucket.staging.lifecycle_rule[0].action).type == "Delete"
    error_message = "What belongs to one cluster is not deleted after 7 days."
  }
  assert {
    condition = alltrue([
      for kept in ["dask/ledger/", "dask/nodes/", "dask/environments/", "dask/audit/", "dask/checkpoints/", "dask/carried/"] : alltrue([
        for prefix in one(google_storage_bucket.staging.lifecycle_rule[0].condition).matches_prefix : !startswith(kept, prefix)
      ])
    ])
    error_message = "What others rely on would be deleted with what belongs to one cluster."
  }
  assert {
    condition     = one(google_storage_bucket.staging.lifecycle_rule[1].condition).with_state == "ARCHIVED"
    error_message = "The second rule is for versions that are no longer current."
  }
  assert {
    condition     = google_storage_bucket_iam_member.users["composer"].role == "roles/storage.objectUser"
    error_message = "Users read and write objects, and do not own the bucket."
  }
  assert {
    condition     = output.staging == "gs://my-project-1-dask-staging/dask"
    error_message = "`staging` is the bucket with its folder."
  }
}

run "everybody_is_refused" {
  command = plan

  variables {
    readers = { world = "allUsers" }
  }

  expect_failures = [var.readers]
}

run "without_a_key_it_is_refused" {
  command = plan

  variables {
    kms_key = ""
  }

  expect_failures = [var.kms_key]
}
