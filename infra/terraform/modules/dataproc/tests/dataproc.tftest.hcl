mock_provider "google" {}

variables {
  project         = "my-project-1"
  region          = "europe-west1"
  organization    = "123456789012"
  service_account = "sa-dataproc-runtime@my-project-1.iam.gserviceaccount.com"
  subnetwork      = "subnet-dataproc"
  tag             = "dataproc-cluster"
  kms_key         = "projects/my-project-1/locations/europe-west1/keyRings/sec-core/cryptoKeys/dataproc-cmek"
}

run "every_law_is_enforced_in_the_project" {
  assert {
    condition     = length(google_org_policy_policy.this) == 12 && alltrue([for policy in google_org_policy_policy.this : policy.spec[0].rules[0].enforce == "TRUE"])
    error_message = "A constraint is there and not enforced."
  }
  assert {
    condition     = alltrue([for policy in google_org_policy_policy.this : startswith(policy.name, "projects/my-project-1/policies/custom.dask")])
    error_message = "A policy is not this project's."
  }
  assert {
    condition     = alltrue([for law in google_org_policy_custom_constraint.this : length(law.condition) <= 1000 && length(law.display_name) <= 200])
    error_message = "A constraint is longer than Google takes."
  }
  assert {
    condition     = google_org_policy_policy.own["compute.vmExternalIpAccess"].spec[0].rules[0].deny_all == "TRUE"
    error_message = "A machine of the project may have a public address."
  }
}

run "a_dry_run_refuses_nothing" {
  variables {
    enforce = false
  }

  assert {
    condition     = alltrue([for policy in google_org_policy_policy.this : length(policy.spec) == 0 && policy.dry_run_spec[0].rules[0].enforce == "TRUE"])
    error_message = "A dry run refuses."
  }
}

run "no_organization_no_laws" {
  variables {
    organization = null
  }

  assert {
    condition     = length(google_org_policy_custom_constraint.this) == 0 && length(google_dataproc_autoscaling_policy.this) == 3
    error_message = "Without an organization there are policies alone."
  }
}

run "no_bound_no_law" {
  variables {
    limits = {}
  }

  assert {
    condition     = length(setintersection(keys(google_org_policy_custom_constraint.this), ["Workers", "Memory", "Disks"])) == 0
    error_message = "What has no bound is bounded."
  }
}

run "a_policy_beyond_the_bounds_is_refused" {
  command = plan

  variables {
    autoscaling = [{ min_workers = 2, max_workers = 10, max_secondary = 5 }]
  }

  expect_failures = [var.autoscaling]
}

run "more_machine_types_than_a_condition_holds_are_refused" {
  command = plan

  variables {
    machine_types = { for i in range(60) : "n2-custom-${i + 2}-${(i + 2) * 1024}" => i + 2 }
  }

  expect_failures = [google_org_policy_custom_constraint.this["Machines"], google_org_policy_custom_constraint.this["Memory"]]
}

run "what_would_break_a_condition_is_refused" {
  command = plan

  variables {
    kms_key    = "x' || true || '"
    subnetwork = ".*"
  }

  expect_failures = [var.kms_key, var.subnetwork]
}
