output "channels" {
  description = "Ids of the notification channels."
  value       = concat(local.channels, local.woken)
}

output "email_channels" {
  description = "Ids of those by mail, for budgets."
  value       = local.emails
}

output "policies" {
  description = "Names of the alerts."
  value       = sort(keys(local.policies))
}
