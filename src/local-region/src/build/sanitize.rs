//! Image Builder's SanitizeInstance: its published clean-up script in short.
//! It runs only if `perform_cleanup` exists in the working folder, which a
//! build without `userDataOverride` has. `/etc/machine-id` is touched and never
//! emptied: emptying it is the recipe's task, there as here.

/// Long enough for a big journal to go.
pub(super) const TIMEOUT_SECS: Option<u64> = Some(300);

/// Runs in the image after the last phase.
pub(super) const SCRIPT: &str = r#"
cd /tmp
gone() { for f in "$@"; do [ ! -e "$f" ] || rm -rf -- "$f"; done; }
skipped() { [ -e "skip_cleanup_$1" ]; }
if [ -e perform_cleanup ]; then
  skipped cloudinit_files || gone /var/lib/cloud/instance /var/lib/cloud/instances /var/lib/cloud/data \
    /var/lib/cloud/sem /run/cloud-init /var/log/cloud-init.log /var/log/cloud-init-output.log
  skipped instance_files || { gone /etc/hostname /var/tmp/*; touch /etc/machine-id; }
  skipped ssh_files || gone /etc/ssh/ssh_host_rsa_key* /etc/ssh/ssh_host_ecdsa_key* \
    /etc/ssh/ssh_host_ed25519_key* /root/.ssh/authorized_keys /home/*/.ssh/authorized_keys
  skipped instance_log_files || { gone /var/log/journal/* /var/log/audit/audit.log /var/log/auth.log \
    /var/log/syslog /var/log/messages; : > /var/log/wtmp; : > /var/log/btmp; : > /var/log/lastlog; }
  skipped toe_files || gone /var/lib/amazon/toe /tmp/TOE*
  skipped ssm_log_files || gone /var/log/amazon/ssm
fi
gone perform_cleanup skip_cleanup_*
exit 0
"#;
