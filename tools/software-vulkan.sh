#!/bin/sh
# Fetches a software Vulkan driver (Mesa's lavapipe, from Debian's backports) into a cache folder, changing nothing on the
# system, and prints the environment that makes programs find it:
#
#     eval "$(sh tools/software-vulkan.sh)" && SPECTRAL_BACKEND=webgpu node --test build/test/backend
#
# Debian 12's own Mesa (22.3) is too old for Dawn; the backport (25.x) works. The cache is SPECTRAL_VULKAN_ROOT,
# by default /var/tmp/spectral-lab-vulkan. Works on Debian 12 (amd64 and arm64); elsewhere install the system's own
# mesa-vulkan-drivers and libvulkan1.
set -eu

root=${SPECTRAL_VULKAN_ROOT:-/var/tmp/spectral-lab-vulkan}

fetch() {
  suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
  # The mirror this machine already uses for the main suite; its backports lie beside it.
  mirror=$(apt-get indextargets --format '$(SITE) $(RELEASE)' "Created-By: Packages" "Release: $suite" 2>/dev/null | head -n 1 | cut -d ' ' -f 1)
  [ -n "$mirror" ] || { echo "software-vulkan: apt knows no mirror of $suite (is this Debian, and was apt-get update run?)" >&2; exit 1; }

  work=$(mktemp -d "$root.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  mkdir -p "$work/apt/lists/partial" "$work/apt/archives/partial" "$work/root"
  printf 'deb %s %s main\ndeb %s %s-updates main\ndeb %s %s-backports main\n' \
    "$mirror" "$suite" "$mirror" "$suite" "$mirror" "$suite" > "$work/apt/sources.list"
  apt() {
    apt-get -qq -o Dir::Etc::sourcelist="$work/apt/sources.list" -o Dir::Etc::sourceparts=- \
      -o Dir::State::lists="$work/apt/lists" -o Dir::Cache::archives="$work/apt/archives" \
      -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -o Debug::NoLocking=1 -o APT::Sandbox::User=root "$@" >&2
  }
  apt update
  # What is already installed is not fetched again: the rest of the closure is.
  apt install --download-only --reinstall --no-install-recommends -y -t "$suite-backports" mesa-vulkan-drivers libvulkan1
  for package in "$work"/apt/archives/*.deb; do dpkg -x "$package" "$work/root"; done

  libraries=$(dirname "$(find "$work/root/usr/lib" -name libvulkan_lvp.so | head -n 1)")
  relative=${libraries#"$work/root/"}
  printf '{"file_format_version":"1.0.0","ICD":{"library_path":"%s/%s/libvulkan_lvp.so","api_version":"1.4.305"}}\n' \
    "$root" "$relative" > "$work/root/lavapipe.json"
  echo "$relative" > "$work/root/libraries"
  rm -rf "$root"
  mv "$work/root" "$root"
}

[ -f "$root/lavapipe.json" ] || fetch
libraries=$root/$(cat "$root/libraries")
echo "export VK_DRIVER_FILES='$root/lavapipe.json'"
echo "export LD_LIBRARY_PATH='$libraries'\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}"
echo "export XDG_RUNTIME_DIR=\${XDG_RUNTIME_DIR:-/tmp}"
