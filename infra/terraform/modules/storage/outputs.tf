output "bucket" {
  description = "Name of the bucket."
  value       = google_storage_bucket.staging.name
}

output "staging" {
  description = "What `staging` of a cluster is."
  value       = "gs://${google_storage_bucket.staging.name}/${var.folder}"
}
