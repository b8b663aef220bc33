output "keys" {
  description = "Ids of the keys, which those who are to use them may: storage, dataproc, composer, logging."
  value       = { for name, key in google_kms_crypto_key.this : name => key.id }

  depends_on = [
    google_kms_crypto_key_iam_member.agents,
    google_kms_crypto_key_iam_member.storage,
    google_kms_crypto_key_iam_member.logging,
  ]
}
