mock_provider "google" {
  mock_data "google_secret_manager_secret_version" {
    defaults = { secret_data = "looked up" }
  }
}

variables {
  project  = "my-project-1"
  location = "europe-west1"
  folder   = "tests/fixture"
  kms_key  = "projects/my-project-1/locations/europe-west1/keyRings/sec-core/cryptoKeys/logging-cmek"
  emails   = ["oncall@example.com"]
  slack    = { channel = "#dataplatform-alerts", secret = "projects/my-project-1/secrets/slack" }
  pagerduty = {
    secret = "projects/my-project-1/secrets/pagerduty"
  }
}

run "alerts_are_told_and_what_is_critical_wakes_somebody" {
  assert {
    condition     = toset(output.policies) == toset(["Prometheus", "Threshold"])
    error_message = "An alert of the folder is missing."
  }
  assert {
    condition     = { for name, policy in google_monitoring_alert_policy.this : name => length(policy.notification_channels) } == { Prometheus = 2, Threshold = 3 }
    error_message = "An alert does not go to mail and Slack, or a critical one not to PagerDuty too, or another does."
  }
  assert {
    condition     = google_monitoring_alert_policy.this["Prometheus"].conditions[0].condition_prometheus_query_language[0].query == "max by (worker) (dask_worker_memory_usage) > 0.9"
    error_message = "The condition is another than the file's."
  }
  assert {
    condition     = google_monitoring_alert_policy.this["Threshold"].conditions[0].condition_threshold[0].threshold_value == 100
    error_message = "The threshold is another than the file's."
  }
  assert {
    condition     = length(google_monitoring_dashboard.this) == 1
    error_message = "A dashboard of the folder is missing."
  }
}

run "logs_are_encrypted_and_kept" {
  assert {
    condition     = google_logging_project_bucket_config.this.cmek_settings[0].kms_key_name == var.kms_key && google_logging_project_bucket_config.this.retention_days == 90
    error_message = "Logs are not encrypted with our key, or not kept."
  }
  assert {
    condition     = contains(keys(google_project_iam_audit_config.this), "storage.googleapis.com")
    error_message = "Nobody knows who read the staging bucket."
  }
}

run "a_token_is_refused" {
  command = plan

  variables {
    slack = { channel = "#dataplatform-alerts", secret = "xoxb-1234" }
  }

  expect_failures = [var.slack]
}

run "a_condition_that_would_be_lost_is_refused" {
  command = plan

  variables {
    folder = "tests/wrong"
  }

  expect_failures = [google_monitoring_alert_policy.this]
}
