mock_provider "google" {}

variables {
  billing_account = "AAAAAA-BBBBBB-CCCCCC"
  project_number  = "123456789012"
  amount          = 4000
  users           = { ana = 500 }
  channels        = ["projects/my-project-1/notificationChannels/1"]
}

run "of_the_project_and_of_a_person" {
  assert {
    condition     = [for rule in google_billing_budget.this["project"].threshold_rules : rule.threshold_percent] == [0.8, 0.9, 0.95, 1, 1]
    error_message = "The thresholds are not the seeds'."
  }
  assert {
    condition     = google_billing_budget.this["project"].threshold_rules[4].spend_basis == "FORECASTED_SPEND"
    error_message = "Nobody is told that the month will end above the budget."
  }
  assert {
    condition     = google_billing_budget.this["user ana"].budget_filter[0].labels == tomap({ owner = "ana" }) && google_billing_budget.this["user ana"].amount[0].specified_amount[0].units == "500"
    error_message = "A person's budget is not theirs."
  }
}

run "a_wrong_account_is_refused" {
  command = plan

  variables {
    billing_account = "my account"
  }

  expect_failures = [var.billing_account]
}
