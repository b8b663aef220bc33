# One project of a team: everything private, encrypted with its own keys, and with as few rights as go.

data "google_project" "this" {
  project_id = var.project

  depends_on = [google_project_service.this]
}

locals {
  services = [
    "billingbudgets", "cloudkms", "composer", "compute", "dataproc", "dns", "iam", "iamcredentials", "logging",
    "monitoring", "orgpolicy", "secretmanager", "storage", "sts",
  ]
  generation = strcontains(var.image_version, "composer-2") ? 2 : 3
}

resource "google_project_service" "this" {
  for_each = toset(local.services)

  project            = var.project
  service            = "${each.value}.googleapis.com"
  disable_on_destroy = false
}

module "network" {
  source = "../../modules/network"

  project          = var.project
  region           = var.region
  filestore_ranges = var.filestore_ranges

  depends_on = [google_project_service.this]
}

module "service_accounts" {
  source = "../../modules/service_accounts"

  project    = var.project
  groups     = var.groups
  secrets    = var.secrets
  repository = var.repository

  depends_on = [google_project_service.this]
}

module "kms" {
  source = "../../modules/kms"

  project             = var.project
  project_number      = data.google_project.this.number
  location            = var.region
  composer_generation = local.generation
}

module "storage" {
  source = "../../modules/storage"

  project  = var.project
  name     = "${var.project}-dask-staging"
  location = var.region
  kms_key  = module.kms.keys.storage
  users    = module.service_accounts.staging_users
  readers  = module.service_accounts.staging_readers
}

module "dataproc" {
  source = "../../modules/dataproc"

  project         = var.project
  region          = var.region
  organization    = var.organization
  enforce         = var.enforce
  service_account = module.service_accounts.emails["dataproc-runtime"]
  subnetwork      = module.network.dataproc_subnet
  tag             = module.network.tag
  kms_key         = module.kms.keys.dataproc
}

module "composer" {
  source = "../../modules/composer"

  project              = var.project
  project_number       = data.google_project.this.number
  region               = var.region
  image_version        = var.image_version
  network              = module.network.network
  subnetwork           = module.network.subnets.services
  secondary_ranges     = module.network.composer_ranges
  web_ranges           = var.web_ranges
  service_account      = module.service_accounts.emails["composer"]
  service_account_name = module.service_accounts.names["composer"]
  kms_key              = module.kms.keys.composer
  bucket               = "${var.project}-dask-composer"
  syncer               = "serviceAccount:${module.service_accounts.emails["cicd"]}"

  depends_on = [module.service_accounts]
}

module "monitoring" {
  source = "../../modules/monitoring"

  project   = var.project
  location  = var.region
  kms_key   = module.kms.keys.logging
  emails    = var.emails
  slack     = var.slack
  pagerduty = var.pagerduty
}

module "budgets" {
  source = "../../modules/budgets"

  billing_account = var.billing_account
  project_number  = data.google_project.this.number
  amount          = var.budget.project
  users           = var.budget.users
  channels        = slice(module.monitoring.email_channels, 0, min(5, length(module.monitoring.email_channels)))
  viewers         = compact([var.groups.platform_admin])
}
