# Cloud Composer 2 or 3, private and under our key. Airflow's own settings stand in one place, the file that `dask
# dataproc composer init` writes; here they get the names that this Airflow knows them by.

locals {
  wanted     = yamldecode(file("${path.module}/../../../../pipelines/composer/files/environment.yaml"))
  generation = tonumber(regex("^composer-([23])", var.image_version)[0])
  airflow    = tonumber(regex("airflow-([23])", var.image_version)[0])
  name       = coalesce(var.name, local.wanted.environment.name)

  # Options that have another name in Airflow 2; pipelines/composer/overrides.py
  renamed = local.airflow == 3 ? {} : {
    "dag_processor.refresh_interval"  = "scheduler.dag_dir_list_interval"
    "dag_processor.parsing_processes" = "scheduler.parsing_processes"
    "api.workers"                     = "webserver.workers"
    "api.worker_timeout"              = "webserver.web_server_worker_timeout"
  }
  overrides = {
    for option, value in local.wanted.config :
    replace(lookup(local.renamed, option, option), ".", "-") => tostring(value)
  }

  # Composer has these already, of the version that goes with it.
  shipped  = ["apache-airflow-providers-google"]
  packages = { for package, version in local.wanted.packages : package => version if !contains(local.shipped, package) }

  agent = "serviceAccount:service-${var.project_number}@cloudcomposer-accounts.iam.gserviceaccount.com"
}

# Its own bucket and not one that Composer makes: with our key, and no way to make anything in it public.
resource "google_storage_bucket" "this" {
  project                     = var.project
  name                        = var.bucket
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = false

  encryption {
    default_kms_key_name = var.kms_key
  }

  versioning {
    enabled = true
  }

  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      days_since_noncurrent_time = 30
      with_state                 = "ARCHIVED"
    }
  }
}

resource "google_storage_bucket_iam_member" "syncer" {
  count = var.syncer == null ? 0 : 1

  bucket = google_storage_bucket.this.name
  role   = "roles/storage.objectUser"
  member = var.syncer
}

resource "google_service_account_iam_member" "agent" {
  count = local.generation == 2 ? 1 : 0

  service_account_id = var.service_account_name
  role               = "roles/composer.ServiceAgentV2Ext"
  member             = local.agent
}

resource "google_composer_environment" "this" {
  project = var.project
  region  = var.region
  name    = local.name

  storage_config {
    bucket = google_storage_bucket.this.name
  }

  config {
    environment_size           = var.size
    enable_private_environment = local.generation == 3 ? true : null
    enable_private_builds_only = local.generation == 3 ? true : null

    software_config {
      image_version            = var.image_version
      airflow_config_overrides = local.overrides
      pypi_packages            = local.packages
    }

    node_config {
      network         = var.network
      subnetwork      = var.subnetwork
      service_account = var.service_account
      tags            = ["composer-worker"]

      dynamic "ip_allocation_policy" {
        for_each = local.generation == 2 ? [var.secondary_ranges] : []
        content {
          cluster_secondary_range_name  = ip_allocation_policy.value.pods
          services_secondary_range_name = ip_allocation_policy.value.services
        }
      }
    }

    dynamic "private_environment_config" {
      for_each = local.generation == 2 ? ["on"] : []
      content {
        connection_type           = "VPC_PEERING"
        enable_private_endpoint   = true
        master_ipv4_cidr_block    = var.control_plane_range
        cloud_sql_ipv4_cidr_block = var.database_range
      }
    }

    dynamic "master_authorized_networks_config" {
      for_each = local.generation == 2 ? ["on"] : []
      content {
        enabled = true
        cidr_blocks {
          cidr_block   = var.administrators_range
          display_name = "management"
        }
      }
    }

    encryption_config {
      kms_key_name = var.kms_key
    }

    web_server_network_access_control {
      dynamic "allowed_ip_range" {
        for_each = var.web_ranges
        content {
          value = allowed_ip_range.value
        }
      }
    }

    workloads_config {
      scheduler {
        count      = 1
        cpu        = 1
        memory_gb  = 4
        storage_gb = 1
      }
      triggerer {
        count     = 1
        cpu       = 0.5
        memory_gb = 1
      }
      web_server {
        cpu        = 1
        memory_gb  = 2
        storage_gb = 1
      }
      worker {
        min_count  = var.workers.least
        max_count  = var.workers.most
        cpu        = 2
        memory_gb  = 7.5
        storage_gb = 5
      }
      dynamic "dag_processor" {
        for_each = local.generation == 3 ? ["on"] : []
        content {
          count      = 1
          cpu        = 1
          memory_gb  = 4
          storage_gb = 1
        }
      }
    }

    # Twelve hours a week, which Composer asks for at least.
    maintenance_window {
      start_time = "2026-01-03T01:00:00Z"
      end_time   = "2026-01-03T07:00:00Z"
      recurrence = "FREQ=WEEKLY;BYDAY=SA,SU"
    }
  }

  lifecycle {
    precondition {
      condition     = local.generation == 3 || var.secondary_ranges != null
      error_message = "secondary_ranges: none given, Composer 2 needs those of pods and services."
    }
  }

  depends_on = [google_service_account_iam_member.agent]
}
