# Who is told, what of, and what is kept: channels, the alerts and dashboards of infra/monitoring, logs and audits.

locals {
  folder     = coalesce(var.folder, "${path.module}/../../../monitoring")
  policies   = { for file in fileset(local.folder, "policies/*.json") : trimsuffix(basename(file), ".json") => jsondecode(file("${local.folder}/${file}")) }
  dashboards = { for file in fileset(local.folder, "dashboards/*.json") : trimsuffix(basename(file), ".json") => file("${local.folder}/${file}") }

  # A token is read where it is kept; that makes it part of Terraform's state, which is to be as secret as it is.
  secrets = merge(
    var.slack == null ? {} : { slack = var.slack.secret },
    var.pagerduty == null ? {} : { pagerduty = var.pagerduty.secret },
  )

  logged = <<-FILTER
    resource.type="cloud_dataproc_cluster" OR resource.type="cloud_dataproc_job" OR
    resource.type="cloud_composer_environment" OR
    protoPayload.serviceName="dataproc.googleapis.com" OR protoPayload.serviceName="composer.googleapis.com" OR
    protoPayload.serviceName="storage.googleapis.com"
  FILTER
}

data "google_secret_manager_secret_version" "channel" {
  for_each = local.secrets

  secret = each.value
}

resource "google_monitoring_notification_channel" "email" {
  for_each = var.emails

  project      = var.project
  display_name = each.value
  type         = "email"
  labels       = { email_address = each.value }
}

resource "google_monitoring_notification_channel" "slack" {
  count = var.slack == null ? 0 : 1

  project      = var.project
  display_name = "Slack ${var.slack.channel}"
  type         = "slack"
  labels       = { channel_name = var.slack.channel }

  sensitive_labels {
    auth_token = data.google_secret_manager_secret_version.channel["slack"].secret_data
  }
}

resource "google_monitoring_notification_channel" "pagerduty" {
  count = var.pagerduty == null ? 0 : 1

  project      = var.project
  display_name = "PagerDuty"
  type         = "pagerduty"

  sensitive_labels {
    service_key = data.google_secret_manager_secret_version.channel["pagerduty"].secret_data
  }
}

# Somebody is woken by what is critical, and only by that.
locals {
  emails   = [for channel in google_monitoring_notification_channel.email : channel.id]
  channels = concat(local.emails, google_monitoring_notification_channel.slack[*].id)
  woken    = google_monitoring_notification_channel.pagerduty[*].id
}

resource "google_monitoring_alert_policy" "this" {
  for_each = local.policies

  project               = var.project
  display_name          = each.value.displayName
  combiner              = each.value.combiner
  severity              = try(each.value.severity, null)
  enabled               = try(each.value.enabled, true)
  user_labels           = try(each.value.userLabels, {})
  notification_channels = concat(local.channels, try(each.value.severity, null) == "CRITICAL" ? local.woken : [])

  dynamic "conditions" {
    for_each = each.value.conditions
    content {
      display_name = conditions.value.displayName

      dynamic "condition_prometheus_query_language" {
        for_each = try([conditions.value.conditionPrometheusQueryLanguage], [])
        iterator = asked
        content {
          query               = asked.value.query
          duration            = try(asked.value.duration, null)
          evaluation_interval = try(asked.value.evaluationInterval, null)
          rule_group          = try(asked.value.ruleGroup, null)
          alert_rule          = try(asked.value.alertRule, null)
          labels              = try(asked.value.labels, null)

          # Otherwise a project that no cluster has written to yet refuses the policy.
          disable_metric_validation = try(asked.value.disableMetricValidation, null)
        }
      }

      dynamic "condition_threshold" {
        for_each = try([conditions.value.conditionThreshold], [])
        iterator = asked
        content {
          filter          = asked.value.filter
          comparison      = asked.value.comparison
          duration        = asked.value.duration
          threshold_value = try(asked.value.thresholdValue, null)

          dynamic "aggregations" {
            for_each = try(asked.value.aggregations, [])
            content {
              alignment_period     = try(aggregations.value.alignmentPeriod, null)
              per_series_aligner   = try(aggregations.value.perSeriesAligner, null)
              cross_series_reducer = try(aggregations.value.crossSeriesReducer, null)
              group_by_fields      = try(aggregations.value.groupByFields, null)
            }
          }
        }
      }
    }
  }

  dynamic "alert_strategy" {
    for_each = try([each.value.alertStrategy], [])
    content {
      auto_close = try(alert_strategy.value.autoClose, null)
    }
  }

  dynamic "documentation" {
    for_each = try([each.value.documentation], [])
    content {
      content   = try(documentation.value.content, null)
      mime_type = try(documentation.value.mimeType, null)
      subject   = try(documentation.value.subject, null)
    }
  }

  lifecycle {
    precondition {
      condition = alltrue([
        for each in each.value.conditions :
        length(setintersection(keys(each), ["conditionPrometheusQueryLanguage", "conditionThreshold"])) == 1
      ])
      error_message = "policies/${each.key}.json: allowed are conditionPrometheusQueryLanguage and conditionThreshold."
    }
  }
}

resource "google_monitoring_dashboard" "this" {
  for_each = local.dashboards

  project        = var.project
  dashboard_json = each.value
}

resource "google_logging_project_bucket_config" "this" {
  project        = var.project
  location       = var.location
  bucket_id      = "dask-dataproc"
  description    = "Clusters, their jobs, Composer, and who did what."
  retention_days = var.retention_days

  cmek_settings {
    kms_key_name = var.kms_key
  }
}

resource "google_logging_project_sink" "this" {
  project                = var.project
  name                   = "dask-dataproc"
  destination            = "logging.googleapis.com/${google_logging_project_bucket_config.this.id}"
  filter                 = trimspace(local.logged)
  unique_writer_identity = true
}

# Who made, read and wrote what; who made and deleted clusters is logged in any case.
resource "google_project_iam_audit_config" "this" {
  for_each = toset(["storage.googleapis.com", "dataproc.googleapis.com"])

  project = var.project
  service = each.value

  audit_log_config {
    log_type = "DATA_READ"
  }
  audit_log_config {
    log_type = "DATA_WRITE"
  }
}
