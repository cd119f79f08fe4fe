# Makes an image of the local region start on a computer of its own: kernel, addresses from
# the network in place of the region's, and a cloud-init that looks for a seed first.
# Runs in a copy of the image; the packages to install, with versions where there is a lock, are its arguments.
set -Eeuo pipefail
export DEBIAN_FRONTEND=noninteractive

apt-get update -qq
apt-get install -qq --yes --no-install-recommends --allow-downgrades "$@"

# The file of the region's base image, without what is true of its machines only.
cat >/etc/cloud/cloud.cfg.d/90_ec2.cfg <<'CFG'
datasource_list: [ NoCloud, Ec2, None ]
# As Debian's own EC2 images; en_US is not generated in them.
locale: C.UTF-8
CFG
systemctl enable systemd-networkd.service

apt-get clean
rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin
truncate --size 0 /etc/machine-id
