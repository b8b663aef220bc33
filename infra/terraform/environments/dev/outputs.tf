output "dask_config" {
  description = "For /etc/dask/dataproc.yaml or ~/.config/dask/dataproc.yaml: terraform output -raw dask_config"
  value = yamlencode({
    dataproc = {
      project         = var.project
      region          = var.region
      staging         = module.storage.staging
      subnetwork      = module.network.dataproc_subnet
      tags            = [module.network.tag]
      service-account = module.service_accounts.emails["dataproc-runtime"]
      kms-key         = module.kms.keys.dataproc
      monitoring      = true
      quotas          = { class = "standard" }
      budgets = {
        project = var.budget.project
        user    = var.budget.user
        users   = var.budget.users
      }
    }
  })
}

output "workflow" {
  description = "Variables of the GitHub repository whose workflow syncs DAGs."
  value = {
    WIF_PROVIDER         = module.service_accounts.workload_identity_provider
    WIF_SERVICE_ACCOUNT  = module.service_accounts.emails["cicd"]
    COMPOSER_BUCKET      = module.composer.bucket
    COMPOSER_ENVIRONMENT = module.composer.name
    COMPOSER_REGION      = var.region
  }
}

output "airflow_variables" {
  description = "What DAGs of operators read, for `dask dataproc composer apply` (pipelines/composer/files/environment.yaml)."
  value = {
    gcp_project_id            = var.project
    gcp_region                = var.region
    dataproc_staging_bucket   = module.storage.bucket
    subnetwork_services_uri   = module.network.dataproc_subnet
    dataproc_runtime_sa_email = module.service_accounts.emails["dataproc-runtime"]
    dataproc_kms_key          = module.kms.keys.dataproc
  }
}
