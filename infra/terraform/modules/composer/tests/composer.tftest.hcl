mock_provider "google" {}

variables {
  project              = "my-project-1"
  project_number       = "123456789012"
  region               = "europe-west1"
  image_version        = "composer-3-airflow-3"
  network              = "projects/my-project-1/global/networks/vpc-data-platform"
  subnetwork           = "projects/my-project-1/regions/europe-west1/subnetworks/subnet-services"
  secondary_ranges     = { pods = "composer-pods", services = "composer-services" }
  web_ranges           = ["203.0.113.0/24"]
  service_account      = "sa-composer@my-project-1.iam.gserviceaccount.com"
  service_account_name = "projects/my-project-1/serviceAccounts/sa-composer@my-project-1.iam.gserviceaccount.com"
  kms_key              = "projects/my-project-1/locations/europe-west1/keyRings/sec-core/cryptoKeys/composer-cmek"
  bucket               = "my-project-1-dask-composer"
  syncer               = "serviceAccount:sa-cicd@my-project-1.iam.gserviceaccount.com"
}

run "composer_3" {
  assert {
    condition     = google_composer_environment.this.config[0].enable_private_environment && google_composer_environment.this.config[0].enable_private_builds_only
    error_message = "Composer 3 is not private."
  }
  assert {
    condition     = google_composer_environment.this.config[0].encryption_config[0].kms_key_name == var.kms_key && google_storage_bucket.this.encryption[0].default_kms_key_name == var.kms_key
    error_message = "Composer or its bucket is not encrypted with our key."
  }
  assert {
    condition     = length(google_composer_environment.this.config[0].private_environment_config) == 0
    error_message = "Composer 3 refuses private_environment_config."
  }
  assert {
    condition     = google_composer_environment.this.config[0].software_config[0].airflow_config_overrides["dag_processor-refresh_interval"] == "60"
    error_message = "Airflow 3's options have Airflow 2's names."
  }
  assert {
    condition     = google_composer_environment.this.config[0].web_server_network_access_control[0].allowed_ip_range != null && google_storage_bucket.this.public_access_prevention == "enforced"
    error_message = "Airflow's pages are open to the world."
  }
  assert {
    condition     = google_storage_bucket_iam_member.syncer[0].role == "roles/storage.objectUser"
    error_message = "Who syncs DAGs may do more than that."
  }
}

run "composer_2" {
  variables {
    image_version = "composer-2.13.1-airflow-2.10.5"
  }

  assert {
    condition     = google_composer_environment.this.config[0].private_environment_config[0].enable_private_endpoint
    error_message = "Composer 2 is not private."
  }
  assert {
    condition     = google_composer_environment.this.config[0].private_environment_config[0].master_ipv4_cidr_block == "172.16.0.0/28" && google_composer_environment.this.config[0].private_environment_config[0].cloud_sql_ipv4_cidr_block == "172.16.0.16/28"
    error_message = "The ranges are not ADR-003's."
  }
  assert {
    condition     = one(google_composer_environment.this.config[0].master_authorized_networks_config[0].cidr_blocks).cidr_block == "10.10.1.0/24"
    error_message = "The control plane is open to others than the management subnet."
  }
  assert {
    condition     = google_composer_environment.this.config[0].software_config[0].airflow_config_overrides["scheduler-dag_dir_list_interval"] == "60"
    error_message = "Airflow 2's options have Airflow 3's names."
  }
  assert {
    condition     = google_service_account_iam_member.agent[0].role == "roles/composer.ServiceAgentV2Ext"
    error_message = "Composer 2's agent may not use the account."
  }
}

run "airflow_3_on_composer_2_is_refused" {
  command = plan

  variables {
    image_version = "composer-2.13.1-airflow-3.1.0"
  }

  expect_failures = [var.image_version]
}

run "composer_1_is_refused" {
  command = plan

  variables {
    image_version = "composer-1.20.12-airflow-2.4.3"
  }

  expect_failures = [var.image_version]
}

run "the_world_is_refused" {
  command = plan

  variables {
    web_ranges = ["0.0.0.0/0"]
  }

  expect_failures = [var.web_ranges]
}

run "composer_2_needs_ranges" {
  command = plan

  variables {
    image_version    = "composer-2.13.1-airflow-2.10.5"
    secondary_ranges = null
  }

  expect_failures = [google_composer_environment.this]
}
