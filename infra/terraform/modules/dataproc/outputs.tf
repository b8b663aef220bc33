output "policies" {
  description = "Ids of the autoscaling policies, by their bounds."
  value       = local.ids
}

output "constraints" {
  description = "The conditions by the names of the constraints, with the methods they hold for."
  value       = { for name, law in local.laws : name => { condition = law.condition, methods = law.when, says = law.says } if law.on }
}

output "limits" {
  description = "What one cluster may have."
  value       = var.limits
}
