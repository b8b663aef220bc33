# Cloud Billing's budgets: of the project, and of persons by the label `owner`. They send mail and stop nobody; and what
# Google bills is known hours later. What a cluster costs now is the tool's to say.

locals {
  # ADR-003's cost tracker and alert; clusters/budget.py
  thresholds = [0.8, 0.9, 0.95, 1.0]

  budgets = merge(
    { project = { amount = var.amount, labels = null, name = "dask-dataproc" } },
    { for user, amount in var.users : "user ${user}" => { amount = amount, labels = { owner = user }, name = "dask-dataproc of ${user}" } },
  )
}

resource "google_billing_budget" "this" {
  for_each = local.budgets

  billing_account = var.billing_account
  display_name    = each.value.name

  budget_filter {
    projects        = ["projects/${var.project_number}"]
    labels          = each.value.labels
    calendar_period = "MONTH"
  }

  amount {
    specified_amount {
      currency_code = var.currency
      units         = tostring(each.value.amount)
    }
  }

  dynamic "threshold_rules" {
    for_each = local.thresholds
    content {
      threshold_percent = threshold_rules.value
    }
  }

  threshold_rules {
    threshold_percent = 1.0
    spend_basis       = "FORECASTED_SPEND"
  }

  all_updates_rule {
    monitoring_notification_channels = var.channels
    disable_default_iam_recipients   = true
  }
}

resource "google_billing_account_iam_member" "viewers" {
  for_each = var.viewers

  billing_account_id = var.billing_account
  role               = "roles/billing.viewer"
  member             = "group:${each.value}"
}
