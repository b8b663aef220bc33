output "thresholds" {
  description = "Shares of a budget at which mail is sent."
  value       = local.thresholds
}
