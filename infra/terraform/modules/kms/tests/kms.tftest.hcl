mock_provider "google" {}

variables {
  project        = "my-project-1"
  project_number = "123456789012"
  location       = "europe-west1"
}

run "keys_rotate_and_are_for_googles_own_accounts_alone" {
  command = plan

  assert {
    condition     = toset(keys(google_kms_crypto_key.this)) == toset(["storage", "dataproc", "composer", "logging"])
    error_message = "A kind of what is stored has no key."
  }
  assert {
    condition     = alltrue([for key in google_kms_crypto_key.this : key.rotation_period == "7776000s"])
    error_message = "A key does not rotate every 90 days."
  }
  assert {
    condition     = alltrue([for grant in google_kms_crypto_key_iam_member.agents : grant.role == "roles/cloudkms.cryptoKeyEncrypterDecrypter"])
    error_message = "Who encrypts may do more than that."
  }
  assert {
    condition     = alltrue([for grant in google_kms_crypto_key_iam_member.agents : startswith(grant.member, "serviceAccount:service-123456789012@")])
    error_message = "A key is for others than Google's own accounts of this project."
  }
  assert {
    condition     = toset(keys(google_kms_crypto_key_iam_member.storage)) == toset(["storage", "composer"])
    error_message = "Cloud Storage may not use the keys of the buckets."
  }
}

run "composer_2_is_of_more_services" {
  command = plan

  variables {
    composer_generation = 2
  }

  assert {
    condition     = contains(keys(google_kms_crypto_key_iam_member.agents), "composer container-engine-robot")
    error_message = "Composer 2's machines could not start."
  }
}

run "a_year_is_too_long" {
  command = plan

  variables {
    rotation_days = 365
  }

  expect_failures = [var.rotation_days]
}
