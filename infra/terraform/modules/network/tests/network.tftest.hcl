mock_provider "google" {}

variables {
  project = "my-project-1"
  region  = "europe-west1"
}

run "private_by_default" {
  assert {
    condition     = alltrue([for subnet in google_compute_subnetwork.this : subnet.private_ip_google_access])
    error_message = "A subnet without Private Google Access."
  }
  assert {
    condition     = google_compute_network.this.auto_create_subnetworks == false
    error_message = "The VPC makes subnets by itself."
  }
  assert {
    condition     = alltrue([for rule in google_compute_firewall.ingress : !contains(coalesce(rule.source_ranges, []), "0.0.0.0/0")])
    error_message = "A way in is open to the world."
  }
  assert {
    condition     = toset(keys(google_compute_firewall.ingress)) == toset(["dask-nodes", "dask-clients"])
    error_message = "There are other ways in than between nodes and from Dask's clients."
  }
  assert {
    condition     = toset(google_compute_firewall.ingress["dask-clients"].source_ranges) == toset(["10.10.1.0/24", "10.10.2.0/24", "10.20.0.0/17"])
    error_message = "8786 and 8787 are open to others than the subnets of kernels and Composer."
  }
  assert {
    condition     = toset(one(google_compute_firewall.ingress["dask-clients"].allow).ports) == toset(["8786", "8787"])
    error_message = "Clients reach other ports than the scheduler's and the dashboard's."
  }
  assert {
    condition     = one(google_compute_firewall.egress_nothing_else.deny).protocol == "all" && google_compute_firewall.egress_nothing_else.priority > 1000
    error_message = "Nodes reach what no rule allows, or nothing at all."
  }
  assert {
    condition     = alltrue([for rule in concat(values(google_compute_firewall.ingress), values(google_compute_firewall.egress)) : rule.target_tags == toset(["dataproc-cluster"])])
    error_message = "A rule is for other machines than the clusters'."
  }
  assert {
    condition     = google_compute_router_nat.this.nat_ip_allocate_option == "AUTO_ONLY" && length(google_compute_router_nat.this.subnetwork) == 3
    error_message = "The NAT is not for all three subnets."
  }
  assert {
    condition     = google_dns_managed_zone.google.visibility == "private" && toset(google_dns_record_set.private.rrdatas) == toset(["199.36.153.8", "199.36.153.9", "199.36.153.10", "199.36.153.11"])
    error_message = "Google's APIs have no private addresses."
  }
}

run "yarn_and_iap_when_asked" {
  command = plan

  variables {
    yarn             = true
    iap              = true
    filestore_ranges = ["10.10.2.100/32"]
  }

  assert {
    condition     = one(google_compute_firewall.ingress["yarn-clients"].allow).ports == tolist(["8088"])
    error_message = "YARN's pages are at 8088."
  }
  assert {
    condition     = google_compute_firewall.ingress["dask-iap"].source_ranges == toset(["35.235.240.0/20"])
    error_message = "Identity-Aware Proxy comes from 35.235.240.0/20."
  }
  assert {
    condition     = one(google_compute_firewall.egress["dask-filestore"].allow).ports == tolist(["2049"])
    error_message = "NFS is at 2049."
  }
}

run "a_public_range_is_no_subnet" {
  command = plan

  variables {
    subnets = { management = "10.10.1.0/24", services = "10.10.2.0/24", dataproc = "8.8.8.0/24" }
  }

  expect_failures = [var.subnets]
}

run "a_wrong_region_is_refused" {
  command = plan

  variables {
    region = "Europe"
  }

  expect_failures = [var.region]
}
