output "name" {
  description = "Name of the environment: COMPOSER_ENVIRONMENT of the workflow."
  value       = google_composer_environment.this.name
}

output "bucket" {
  description = "Its bucket: COMPOSER_BUCKET of the workflow."
  value       = google_storage_bucket.this.name
}

output "overrides" {
  description = "Airflow's own settings, as Composer takes them."
  value       = local.overrides
}
