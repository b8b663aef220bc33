mock_provider "google" {
  mock_resource "google_service_account" {
    defaults = {
      name   = "projects/my-project-1/serviceAccounts/sa@my-project-1.iam.gserviceaccount.com"
      email  = "sa@my-project-1.iam.gserviceaccount.com"
      member = "serviceAccount:sa@my-project-1.iam.gserviceaccount.com"
    }
  }
}

variables {
  project = "my-project-1"
  groups = {
    data_scientist = "scientists@example.com"
    data_engineer  = "engineers@example.com"
  }
  secrets    = ["projects/my-project-1/secrets/deploy-key"]
  repository = "example/jobs"
}

run "least" {
  assert {
    condition = length(setintersection(
      ["roles/owner", "roles/editor", "roles/viewer", "roles/dataproc.editor", "roles/dataproc.admin", "roles/storage.admin"],
      concat(
        [for grant in google_project_iam_member.composer : grant.role],
        [for grant in google_project_iam_member.groups : grant.role],
        [google_project_iam_member.runtime.role, google_project_iam_member.cicd.role],
      ),
    )) == 0
    error_message = "A role is broader than it has to be."
  }
  assert {
    condition     = alltrue([for grant in google_project_iam_member.groups : grant.role != "roles/iam.serviceAccountUser"])
    error_message = "Somebody may be every account of the project."
  }
  assert {
    condition     = toset(keys(google_service_account_iam_member.runtime)) == toset(["composer", "data_engineer"])
    error_message = "Others than Composer and who makes clusters may let nodes be the nodes' account."
  }
  assert {
    condition     = google_project_iam_member.runtime.role == "roles/dataproc.worker"
    error_message = "Nodes are workers and nothing else."
  }
  assert {
    condition     = contains(google_project_iam_custom_role.clusters.permissions, "dataproc.clusters.create") && !contains(google_project_iam_custom_role.clusters.permissions, "iam.serviceAccounts.actAs")
    error_message = "Who makes clusters needs dataproc.clusters.create, and actAs on one account alone."
  }
  assert {
    condition     = output.staging_readers == { data_scientist = "group:scientists@example.com" }
    error_message = "Who only looks at dashboards reads the staging bucket, and does not write."
  }
}

run "the_workflow_has_no_key" {
  assert {
    condition     = google_iam_workload_identity_pool_provider.github[0].attribute_condition == "assertion.sub == 'repo:example/jobs:environment:composer' && assertion.ref == 'refs/heads/main'"
    error_message = "Others than the workflow, in its environment and on its branch, may sign in."
  }
  assert {
    condition     = endswith(google_service_account_iam_member.github[0].member, "/subject/repo:example/jobs:environment:composer")
    error_message = "Others than the workflow may be sa_cicd."
  }
}

run "no_repository_no_federation" {
  variables {
    repository = null
  }

  assert {
    condition     = length(google_iam_workload_identity_pool.github) == 0 && output.workload_identity_provider == null
    error_message = "There is a way in for GitHub although no repository is named."
  }
}

run "a_secret_itself_is_refused" {
  command = plan

  variables {
    secrets = ["ghp_0123456789"]
  }

  expect_failures = [var.secrets]
}

run "everybody_is_no_group" {
  command = plan

  variables {
    groups = { data_engineer = "allUsers" }
  }

  expect_failures = [var.groups]
}
