# The VPC: three private subnets, a NAT for what nodes install, and no way in but Dask's own ports from inside.
# Which rule allows which ports is said once, in clusters/data/firewall.json; here is from where to where.

locals {
  firewall = jsondecode(file("${path.module}/../../../../clusters/data/firewall.json"))
  tag      = local.firewall.tag

  # name of the rule => protocol => ports
  allowed = {
    for rule in local.firewall.rules : rule.name => {
      for protocol in distinct([for each in rule.allow : split(":", each)[0]]) :
      protocol => [for each in rule.allow : split(":", each)[1] if startswith(each, "${protocol}:")]
    }
  }

  # Notebooks and workflows; Composer 2's run in pods, which come as themselves.
  clients = [var.subnets.management, var.subnets.services, var.composer_ranges.pods]

  # Source and destination of each rule that the table names. A rule without one, as Filestore's where there is none, is
  # left out.
  ingress = {
    dask-nodes   = { ranges = [], tags = [local.tag], on = true }
    dask-clients = { ranges = local.clients, tags = [], on = true }
    dask-iap     = { ranges = ["35.235.240.0/20"], tags = [], on = var.iap }
    yarn-clients = { ranges = local.clients, tags = [], on = var.yarn }
  }
  egress = {
    dask-google    = local.google
    dask-packages  = var.package_ranges
    dask-filestore = var.filestore_ranges
    dask-git       = var.git_ranges
  }
  google = ["199.36.153.8/30"] # private.googleapis.com
}

resource "google_compute_network" "this" {
  project                 = var.project
  name                    = var.name
  auto_create_subnetworks = false
  routing_mode            = "REGIONAL"
}

resource "google_compute_subnetwork" "this" {
  for_each = var.subnets

  project                  = var.project
  region                   = var.region
  name                     = "subnet-${each.key}"
  network                  = google_compute_network.this.id
  ip_cidr_range            = each.value
  private_ip_google_access = true
  stack_type               = "IPV4_ONLY"

  dynamic "secondary_ip_range" {
    for_each = each.key == "services" ? var.composer_ranges : {}
    content {
      range_name    = "composer-${secondary_ip_range.key}"
      ip_cidr_range = secondary_ip_range.value
    }
  }

  log_config {
    aggregation_interval = "INTERVAL_10_MIN"
    flow_sampling        = 0.5
    metadata             = "INCLUDE_ALL_METADATA"
  }
}

resource "google_compute_firewall" "ingress" {
  for_each = { for name, rule in local.ingress : name => rule if rule.on }

  project       = var.project
  name          = each.key
  network       = google_compute_network.this.id
  direction     = "INGRESS"
  source_ranges = length(each.value.ranges) > 0 ? each.value.ranges : null
  source_tags   = length(each.value.tags) > 0 ? each.value.tags : null
  target_tags   = [local.tag]

  dynamic "allow" {
    for_each = local.allowed[each.key]
    content {
      protocol = allow.key
      ports    = allow.value
    }
  }

  log_config {
    metadata = "INCLUDE_ALL_METADATA"
  }
}

resource "google_compute_firewall" "egress" {
  for_each = { for name, ranges in local.egress : name => ranges if length(ranges) > 0 }

  project            = var.project
  name               = each.key
  network            = google_compute_network.this.id
  direction          = "EGRESS"
  destination_ranges = each.value
  target_tags        = [local.tag]

  dynamic "allow" {
    for_each = local.allowed[each.key]
    content {
      protocol = allow.key
      ports    = allow.value
    }
  }

  log_config {
    metadata = "INCLUDE_ALL_METADATA"
  }
}

# Between nodes, both ways: an egress rule has no destination tag, so it names the clusters' own subnet.
resource "google_compute_firewall" "egress_nodes" {
  project            = var.project
  name               = "dask-nodes-egress"
  network            = google_compute_network.this.id
  direction          = "EGRESS"
  destination_ranges = [var.subnets.dataproc]
  target_tags        = [local.tag]

  dynamic "allow" {
    for_each = local.allowed["dask-nodes"]
    content {
      protocol = allow.key
      ports    = allow.value
    }
  }

  log_config {
    metadata = "INCLUDE_ALL_METADATA"
  }
}

# What no rule above allows, a node does not reach.
resource "google_compute_firewall" "egress_nothing_else" {
  project            = var.project
  name               = "dask-nothing-else"
  network            = google_compute_network.this.id
  direction          = "EGRESS"
  priority           = 65534
  destination_ranges = ["0.0.0.0/0"]
  target_tags        = [local.tag]

  deny {
    protocol = "all"
  }

  log_config {
    metadata = "INCLUDE_ALL_METADATA"
  }
}

resource "google_compute_router" "this" {
  project = var.project
  region  = var.region
  name    = "${var.name}-router"
  network = google_compute_network.this.id
}

resource "google_compute_router_nat" "this" {
  project                            = var.project
  region                             = var.region
  name                               = "${var.name}-nat"
  router                             = google_compute_router.this.name
  nat_ip_allocate_option             = "AUTO_ONLY"
  source_subnetwork_ip_ranges_to_nat = "LIST_OF_SUBNETWORKS"

  dynamic "subnetwork" {
    for_each = google_compute_subnetwork.this
    content {
      name                    = subnetwork.value.id
      source_ip_ranges_to_nat = ["ALL_IP_RANGES"]
    }
  }

  log_config {
    enable = true
    filter = "ERRORS_ONLY"
  }
}

# Google's APIs at their private addresses: without it their names lead to public ones, which the rules above close.
resource "google_dns_managed_zone" "google" {
  project     = var.project
  name        = "googleapis"
  dns_name    = "googleapis.com."
  description = "Google's APIs by Private Google Access."
  visibility  = "private"

  private_visibility_config {
    networks {
      network_url = google_compute_network.this.id
    }
  }
}

resource "google_dns_record_set" "private" {
  project      = var.project
  managed_zone = google_dns_managed_zone.google.name
  name         = "private.googleapis.com."
  type         = "A"
  ttl          = 300
  rrdatas      = [for host in range(4) : cidrhost(local.google[0], host)]
}

resource "google_dns_record_set" "google" {
  project      = var.project
  managed_zone = google_dns_managed_zone.google.name
  name         = "*.googleapis.com."
  type         = "CNAME"
  ttl          = 300
  rrdatas      = [google_dns_record_set.private.name]
}
