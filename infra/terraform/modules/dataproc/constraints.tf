# What Google refuses whoever asks, this tool or any other: what a cluster has to be, as conditions in CEL. What the
# tool itself refuses is a courtesy; this is the law. A condition sees one cluster and not its owner's others: how many
# clusters a person or all may have at a time stays with the tool.

locals {
  config = "resource.config"
  # The size of a group that may not be there, and of both.
  size = {
    for group in ["workerConfig", "secondaryWorkerConfig"] :
    group => "(has(${local.config}.${group}) && has(${local.config}.${group}.numInstances) ? ${local.config}.${group}.numInstances : 0)"
  }
  workers = "${local.size.workerConfig} + ${local.size.secondaryWorkerConfig}"

  # Machine types by how many of them have at most the memory that is allowed.
  counts = {
    for type, memory in var.machine_types :
    (var.limits.memory_gb == null ? "" : tostring(floor(var.limits.memory_gb / memory))) => type...
  }
  fitting = { for type, memory in var.machine_types : type => true if try(memory <= var.limits.memory_gb, true) }
  types   = { for count, types in local.counts : count => "'(^|/)(${join("|", types)})$'" }
  most = join("", [
    for count, types in local.types :
    "${local.config}.workerConfig.machineTypeUri.matches(${types}) ? ${count} : "
  ])

  disk = {
    for group in ["masterConfig", "workerConfig", "secondaryWorkerConfig"] :
    group => join(" && ", [
      "has(${local.config}.${group})",
      "has(${local.config}.${group}.diskConfig)",
      "has(${local.config}.${group}.diskConfig.bootDiskSizeGb)",
      "${local.config}.${group}.diskConfig.bootDiskSizeGb <= ${coalesce(var.limits.disk_gb, 65536)}",
    ])
  }

  known = "'(^|/)(${join("|", keys(local.fitting))})$'"
  typed = {
    for group in ["masterConfig", "workerConfig"] :
    group => "has(${local.config}.${group}) && has(${local.config}.${group}.machineTypeUri) && ${local.config}.${group}.machineTypeUri.matches(${local.known})"
  }

  both = ["CREATE", "UPDATE"]
  laws = {
    Private = {
      on    = true
      when  = ["CREATE"]
      title = "Nodes have no public address"
      says  = "internal_ip_only has to be true."
      condition = join(" && ", [
        "has(${local.config}.gceClusterConfig)",
        "has(${local.config}.gceClusterConfig.internalIpOnly)",
        "${local.config}.gceClusterConfig.internalIpOnly == true",
      ])
    }
    Network = {
      on    = true
      when  = ["CREATE"]
      title = "Clusters are in their own subnet, behind its firewall"
      says  = "subnetwork has to be ${var.subnetwork}, and the network tag ${var.tag}, alone."
      condition = join(" && ", [
        "has(${local.config}.gceClusterConfig)",
        "has(${local.config}.gceClusterConfig.subnetworkUri)",
        "${local.config}.gceClusterConfig.subnetworkUri.matches('(^|/)${var.subnetwork}$')",
        "has(${local.config}.gceClusterConfig.tags)",
        "${local.config}.gceClusterConfig.tags.size() == 1",
        "${local.config}.gceClusterConfig.tags.exists(tag, tag == '${var.tag}')",
      ])
    }
    Account = {
      on    = true
      when  = ["CREATE"]
      title = "Nodes are the account with least privileges"
      says  = "service_account has to be ${var.service_account}."
      condition = join(" && ", [
        "has(${local.config}.gceClusterConfig)",
        "has(${local.config}.gceClusterConfig.serviceAccount)",
        "${local.config}.gceClusterConfig.serviceAccount == '${var.service_account}'",
      ])
    }
    Encrypted = {
      on    = true
      when  = ["CREATE"]
      title = "Disks are encrypted with our key"
      says  = "kms_key has to be ${var.kms_key}."
      condition = join(" && ", [
        "has(${local.config}.encryptionConfig)",
        "has(${local.config}.encryptionConfig.gcePdKmsKeyName)",
        "${local.config}.encryptionConfig.gcePdKmsKeyName == '${var.kms_key}'",
      ])
    }
    Lease = {
      on    = true
      when  = ["CREATE"]
      title = "A cluster ends by itself"
      says  = "lifetime has to be given, at most ${coalesce(var.limits.duration, 1209600)} s (auto_delete_ttl)."
      condition = join(" && ", [
        "has(${local.config}.lifecycleConfig)",
        "has(${local.config}.lifecycleConfig.autoDeleteTtl)",
        "duration(${local.config}.lifecycleConfig.autoDeleteTtl) <= duration('${coalesce(var.limits.duration, 1209600)}s')",
      ])
    }
    LeaseKept = {
      on        = true
      when      = ["UPDATE"]
      title     = "No change takes a cluster's end away"
      says      = "auto_delete_ttl or auto_delete_time has to stay."
      condition = "has(${local.config}.lifecycleConfig) && (has(${local.config}.lifecycleConfig.autoDeleteTtl) || has(${local.config}.lifecycleConfig.autoDeleteTime))"
    }
    Labelled = {
      on    = true
      when  = local.both
      title = "Whose a cluster is, and that it is ephemeral, stands on it"
      says  = "The labels ${join(", ", var.labels)} have to be there."
      condition = join(" && ", concat(
        ["has(resource.labels)"],
        [for label in sort(tolist(var.labels)) : "'${label}' in resource.labels && resource.labels['${label}'] != ''"],
      ))
    }
    Workers = {
      on        = var.limits.workers != null
      when      = local.both
      title     = "A cluster has no more workers than the largest class allows"
      says      = "At most ${coalesce(var.limits.workers, 0)} workers, primary and secondary ones together."
      condition = "${local.workers} <= ${coalesce(var.limits.workers, 0)}"
    }
    Machines = {
      on    = true
      when  = ["CREATE"]
      title = "Machines are of a type whose size is known"
      says  = "Machine types: ${join(", ", keys(local.fitting))}; no other groups of nodes than master and workers."
      condition = join(" && ", [
        local.typed.masterConfig,
        "(!has(${local.config}.workerConfig) || ${local.typed.workerConfig})",
        "(!has(${local.config}.secondaryWorkerConfig) || !has(${local.config}.secondaryWorkerConfig.instanceFlexibilityPolicy) && !has(${local.config}.secondaryWorkerConfig.machineTypeUri))",
        "(!has(${local.config}.auxiliaryNodeGroups) || ${local.config}.auxiliaryNodeGroups.size() == 0)",
      ])
    }
    Memory = {
      on        = var.limits.memory_gb != null
      when      = local.both
      title     = "A cluster's workers have no more memory than the largest class allows"
      says      = "At most ${coalesce(var.limits.memory_gb, 0)} GB of Dask workers."
      condition = "!has(${local.config}.workerConfig) || !has(${local.config}.workerConfig.machineTypeUri) || ${local.workers} <= (${local.most}0)"
    }
    Disks = {
      on    = var.limits.disk_gb != null
      when  = ["CREATE"]
      title = "Boot disks are no larger than the largest class allows"
      says  = "At most ${coalesce(var.limits.disk_gb, 0)} GB each."
      condition = join(" && ", [
        local.disk.masterConfig,
        "(!has(${local.config}.workerConfig) || ${local.disk.workerConfig})",
        "(!has(${local.config}.secondaryWorkerConfig) || ${local.disk.secondaryWorkerConfig})",
      ])
    }
    Autoscaling = {
      on    = true
      when  = local.both
      title = "Autoscaling policies are those that stay within the bounds"
      says  = "Allowed are ${join(", ", values(local.ids))}."
      condition = join(" || ", concat(
        ["!has(${local.config}.autoscalingConfig)", "!has(${local.config}.autoscalingConfig.policyUri)"],
        length(local.ids) == 0 ? [] : ["${local.config}.autoscalingConfig.policyUri.matches('/autoscalingPolicies/(${join("|", values(local.ids))})$')"],
      ))
    }
  }
  asked = { for name, law in local.laws : name => law if law.on && var.organization != null }

  # Google's own constraints that come to the same for everything else in the project.
  own = {
    "compute.vmExternalIpAccess"           = "deny"
    "iam.disableServiceAccountKeyCreation" = "enforce"
    "storage.publicAccessPrevention"       = "enforce"
  }
}

resource "google_org_policy_custom_constraint" "this" {
  for_each = local.asked

  parent         = "organizations/${var.organization}"
  name           = "custom.${var.prefix}${each.key}"
  display_name   = each.value.title
  description    = each.value.says
  action_type    = "ALLOW"
  method_types   = each.value.when
  resource_types = ["dataproc.googleapis.com/Cluster"]
  condition      = each.value.condition

  lifecycle {
    precondition {
      condition     = length(each.value.condition) <= 1000
      error_message = "${each.key}: ${length(each.value.condition)} characters, allowed are 1000: name fewer machine_types."
    }
  }
}

resource "google_org_policy_policy" "this" {
  for_each = google_org_policy_custom_constraint.this

  name   = "projects/${var.project}/policies/${each.value.name}"
  parent = "projects/${var.project}"

  dynamic "spec" {
    for_each = var.enforce ? ["on"] : []
    content {
      rules {
        enforce = "TRUE"
      }
    }
  }

  dynamic "dry_run_spec" {
    for_each = var.enforce ? [] : ["on"]
    content {
      rules {
        enforce = "TRUE"
      }
    }
  }
}

resource "google_org_policy_policy" "own" {
  for_each = var.organization == null ? {} : local.own

  name   = "projects/${var.project}/policies/${each.key}"
  parent = "projects/${var.project}"

  spec {
    rules {
      enforce  = each.value == "enforce" ? "TRUE" : null
      deny_all = each.value == "deny" ? "TRUE" : null
    }
  }
}
