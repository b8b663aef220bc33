output "emails" {
  description = "Addresses of the accounts: composer, dataproc-runtime, cicd."
  value       = { for name, account in google_service_account.this : name => account.email }
}

output "names" {
  description = "Resource names of the accounts."
  value       = { for name, account in google_service_account.this : name => account.name }
}

output "staging_users" {
  description = "Who reads and writes in the staging bucket, for module storage."
  value = merge(
    { for name in ["composer", "dataproc-runtime"] : name => google_service_account.this[name].member },
    local.makers,
  )
}

output "staging_readers" {
  description = "Who reads in it: those who look at dashboards, for which they need a cluster's keys."
  value = {
    for role, group in local.groups : role => "group:${group}" if !contains(local.matrix[role], "cluster_create")
  }
}

output "matrix" {
  description = "What each role may do, by report A02."
  value       = local.matrix
}

output "workload_identity_provider" {
  description = "WIF_PROVIDER of the workflow, null without a repository."
  value       = one(google_iam_workload_identity_pool_provider.github[*].name)
}
