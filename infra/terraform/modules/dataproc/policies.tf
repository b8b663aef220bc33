# The autoscaling policies that clusters may have, named as dask-dataproc names them: by the hash of their figures.

locals {
  # ADR-002 and report A02; clusters/autoscaling.py
  figures = {
    up         = 1.0
    down       = 0.5
    up_least   = 0.8
    down_least = 0.2
    grace      = 120
    cooldown   = 120
    weight     = 1
  }

  policies = {
    for each in var.autoscaling : join("-", [each.min_workers, each.max_workers, each.max_secondary]) => merge(each, {
      # Python's json.dumps with sorted keys, of the figures
      text = join("", [
        "{\"basic_algorithm\": {\"cooldown_period\": {\"seconds\": ${local.figures.cooldown}}, \"yarn_config\": ",
        "{\"graceful_decommission_timeout\": {\"seconds\": ${local.figures.grace}}, ",
        format("\"scale_down_factor\": %.1f, ", local.figures.down),
        format("\"scale_down_min_worker_fraction\": %.1f, ", local.figures.down_least),
        format("\"scale_up_factor\": %.1f, ", local.figures.up),
        format("\"scale_up_min_worker_fraction\": %.1f}}, ", local.figures.up_least),
        "\"secondary_worker_config\": {\"max_instances\": ${each.max_secondary}, \"min_instances\": 0, \"weight\": ${local.figures.weight}}, ",
        "\"worker_config\": {\"max_instances\": ${each.max_workers}, \"min_instances\": ${each.min_workers}, \"weight\": ${local.figures.weight}}}",
      ])
    })
  }
  ids = { for name, policy in local.policies : name => "dask-${name}-${substr(sha256(policy.text), 0, 8)}" }
}

resource "google_dataproc_autoscaling_policy" "this" {
  for_each = local.policies

  project   = var.project
  location  = var.region
  policy_id = local.ids[each.key]

  worker_config {
    min_instances = each.value.min_workers
    max_instances = each.value.max_workers
    weight        = local.figures.weight
  }

  secondary_worker_config {
    min_instances = 0
    max_instances = each.value.max_secondary
    weight        = local.figures.weight
  }

  basic_algorithm {
    cooldown_period = "${local.figures.cooldown}s"

    yarn_config {
      scale_up_factor                = local.figures.up
      scale_down_factor              = local.figures.down
      scale_up_min_worker_fraction   = local.figures.up_least
      scale_down_min_worker_fraction = local.figures.down_least
      graceful_decommission_timeout  = "${local.figures.grace}s"
    }
  }
}
