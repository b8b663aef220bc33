terraform {
  required_version = ">= 1.9"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 6.50"
    }
  }

  # terraform init -backend-config=bucket=BUCKET: a bucket that only those who apply may read.
  backend "gcs" {
    prefix = "dask-dataproc/dev"
  }
}

provider "google" {
  project = var.project
  region  = var.region

  # Budgets and organization policies are counted to the project, not to who applies.
  billing_project       = var.project
  user_project_override = true

  default_labels = {
    product     = "dask-dataproc"
    environment = "dev"
  }
}
