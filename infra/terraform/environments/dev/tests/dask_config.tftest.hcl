mock_provider "google" {
  mock_data "google_project" {
    defaults = { number = "123456789012" }
  }
  mock_resource "google_service_account" {
    defaults = {
      email  = "sa-any@my-project-1.iam.gserviceaccount.com"
      member = "serviceAccount:sa-any@my-project-1.iam.gserviceaccount.com"
    }
  }
}

# Its keys cannot be destroyed, not even those of a test.
override_module {
  target = module.kms
  outputs = {
    keys = {
      storage  = "projects/my-project-1/locations/us-central1/keyRings/sec-core/cryptoKeys/storage-cmek"
      dataproc = "projects/my-project-1/locations/us-central1/keyRings/sec-core/cryptoKeys/dataproc-cmek"
      composer = "projects/my-project-1/locations/us-central1/keyRings/sec-core/cryptoKeys/composer-cmek"
      logging  = "projects/my-project-1/locations/us-central1/keyRings/sec-core/cryptoKeys/logging-cmek"
    }
  }
}

run "prints_the_config" {
  assert {
    condition     = yamldecode(output.dask_config).dataproc.staging == "gs://my-project-1-dask-staging/dask"
    error_message = "`staging` is not the bucket."
  }
  assert {
    condition     = yamldecode(output.dask_config).dataproc.kms-key == module.kms.keys.dataproc
    error_message = "The clusters' disks would not be encrypted with our key."
  }
  assert {
    condition     = yamldecode(output.dask_config).dataproc.monitoring
    error_message = "Nothing would feed the alerts."
  }
  assert {
    condition     = output.workflow.COMPOSER_BUCKET == "my-project-1-dask-composer"
    error_message = "The workflow would sync into another bucket."
  }
}

run "a_project_without_an_organization" {
  variables {
    organization = null
  }

  assert {
    condition     = length(module.dataproc.constraints) > 0
    error_message = "The module still says what the laws would be."
  }
}

run "composer_2_goes_too" {
  variables {
    image_version = "composer-2.13.1-airflow-2.10.5"
  }

  assert {
    condition     = output.workflow.COMPOSER_ENVIRONMENT == "data-platform-composer"
    error_message = "The environment has another name."
  }
}
