output "network" {
  description = "Id of the VPC."
  value       = google_compute_network.this.id
}

output "subnets" {
  description = "Ids of the subnets: management, services, dataproc."
  value       = { for name, subnet in google_compute_subnetwork.this : name => subnet.id }
}

output "tag" {
  description = "Network tag of the nodes that the firewall's rules are for."
  value       = local.tag
}

output "composer_ranges" {
  description = "Names of the secondary ranges for Composer 2."
  value       = { for name in keys(var.composer_ranges) : name => "composer-${name}" }
}

output "dataproc_subnet" {
  description = "Name of the clusters' subnet, as `subnetwork` of a cluster takes it."
  value       = google_compute_subnetwork.this["dataproc"].name
}
