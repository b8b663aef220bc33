# Who may do what: Composer, the nodes and the workflow with as little as they need, and people by their groups.
# No account has a key: Composer and nodes run as theirs, the workflow comes by Workload Identity Federation.

locals {
  needs = jsondecode(file("${path.module}/../../../../clusters/data/permissions.json"))

  accounts = {
    composer         = "runs Composer: makes clusters, as the nodes' account, and DAGs' jobs on them"
    dataproc-runtime = "what nodes of clusters are"
    cicd             = "syncs DAGs to Composer from GitHub, without a key"
  }

  # Report A02, "User Permissions Matrix"; dask_dataproc.clusters.permissions.ROLES says the same to its users.
  matrix = {
    data_scientist = ["composer_access", "job_submit", "dashboard"]
    data_engineer  = ["composer_access", "job_submit", "dashboard", "cluster_create"]
    ml_engineer    = ["composer_access", "job_submit", "dashboard"]
    platform_admin = ["composer_access", "job_submit", "dashboard", "cluster_create", "administer"]
  }
  metrics = "roles/monitoring.metricWriter" # heads' last values, and what a cluster that did not come up is counted by
  acts = {
    composer_access = ["roles/composer.user"]
    job_submit      = [google_project_iam_custom_role.jobs.id]
    dashboard       = ["roles/dataproc.viewer"]
    cluster_create  = [google_project_iam_custom_role.clusters.id, local.metrics]
    administer      = ["roles/dataproc.admin", "roles/composer.admin"]
  }
  groups = { for role, group in var.groups : role => group if group != null }
  grants = merge([
    for role, group in local.groups : merge([
      for act in local.matrix[role] : {
        for i, granted in local.acts[act] : "${role} ${act} ${i}" => { group = group, role = granted }
      }
    ]...)
  ]...)
  makers = { for role, group in local.groups : role => "group:${group}" if contains(local.matrix[role], "cluster_create") }

  # How GitHub names a job of the workflow, which runs in an environment of the repository.
  workflow = "repo:${coalesce(var.repository, "none")}:environment:${var.environment}"
}

resource "google_service_account" "this" {
  for_each = local.accounts

  project      = var.project
  account_id   = "sa-${each.key}"
  display_name = "sa_${replace(each.key, "-", "_")}"
  description  = each.value
}

# What a cluster's life asks of who makes it; clusters/data/permissions.json says why each.
resource "google_project_iam_custom_role" "clusters" {
  project     = var.project
  role_id     = "daskClusters"
  title       = "Dask clusters on Dataproc"
  description = "Makes, resizes, renews and deletes clusters."
  permissions = [for need in local.needs.user.permissions : need.permission if need.on == "the project"]
}

resource "google_project_iam_custom_role" "jobs" {
  project     = var.project
  role_id     = "daskJobs"
  title       = "Jobs on Dask clusters"
  description = "Submits jobs to clusters that are there, and follows them."
  permissions = [
    "dataproc.clusters.get",
    "dataproc.clusters.use",
    "dataproc.jobs.cancel",
    "dataproc.jobs.create",
    "dataproc.jobs.get",
    "dataproc.jobs.list",
    "dataproc.operations.get",
  ]
}

resource "google_project_iam_member" "composer" {
  for_each = {
    worker   = "roles/composer.worker"
    clusters = google_project_iam_custom_role.clusters.id
    jobs     = google_project_iam_custom_role.jobs.id
  }

  project = var.project
  role    = each.value
  member  = google_service_account.this["composer"].member
}

resource "google_project_iam_member" "runtime" {
  project = var.project
  role    = "roles/dataproc.worker"
  member  = google_service_account.this["dataproc-runtime"].member
}

resource "google_project_iam_member" "metrics" {
  for_each = { for name in ["composer", "dataproc-runtime"] : name => google_service_account.this[name].member }

  project = var.project
  role    = local.metrics
  member  = each.value
}

resource "google_project_iam_member" "cicd" {
  project = var.project
  role    = "roles/composer.user"
  member  = google_service_account.this["cicd"].member
}

# Who makes clusters may let nodes be this one account, and none else.
resource "google_service_account_iam_member" "runtime" {
  for_each = merge({ composer = google_service_account.this["composer"].member }, local.makers)

  service_account_id = google_service_account.this["dataproc-runtime"].name
  role               = "roles/iam.serviceAccountUser"
  member             = each.value
}

resource "google_project_iam_member" "groups" {
  for_each = local.grants

  project = var.project
  role    = each.value.role
  member  = "group:${each.value.group}"
}

resource "google_secret_manager_secret_iam_member" "runtime" {
  for_each = var.secrets

  secret_id = each.value
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.this["dataproc-runtime"].member
}

resource "google_iam_workload_identity_pool" "github" {
  count = var.repository == null ? 0 : 1

  project                   = var.project
  workload_identity_pool_id = "github"
  description               = "GitHub's workflows, without keys."
}

resource "google_iam_workload_identity_pool_provider" "github" {
  count = var.repository == null ? 0 : 1

  project                            = var.project
  workload_identity_pool_id          = google_iam_workload_identity_pool.github[0].workload_identity_pool_id
  workload_identity_pool_provider_id = "github"
  attribute_condition                = "assertion.sub == '${local.workflow}' && assertion.ref == 'refs/heads/${var.branch}'"
  attribute_mapping                  = { "google.subject" = "assertion.sub" }

  oidc {
    issuer_uri = "https://token.actions.githubusercontent.com"
  }
}

resource "google_service_account_iam_member" "github" {
  count = var.repository == null ? 0 : 1

  service_account_id = google_service_account.this["cicd"].name
  role               = "roles/iam.workloadIdentityUser"
  member             = "principal://iam.googleapis.com/${google_iam_workload_identity_pool.github[0].name}/subject/${local.workflow}"
}
