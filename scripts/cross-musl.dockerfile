# The image of cross for a static panel's build (Cross.toml), with pcscd's client as an archive: as scripts/pcsc-client builds it.
# Never run here: it needs a Docker engine.
FROM ghcr.io/cross-rs/armv7-unknown-linux-musleabihf:main
RUN apt-get update && apt-get install --yes --no-install-recommends bzip2 flex libclang-dev cmake pkg-config curl ca-certificates
# What client and daemon speak has versions, so the source is one and the same for everyone; these are scripts/pcsc-client's.
ARG PCSC_VERSION=1.9.9
ARG PCSC_SHA256=cbcc3b34c61f53291cecc0d831423c94d437b188eb2b97b7febc08de1c914e8a
RUN curl --fail --location --output pcsc.tar.bz2 "https://pcsclite.apdu.fr/files/pcsc-lite-$PCSC_VERSION.tar.bz2" \
    && echo "$PCSC_SHA256  pcsc.tar.bz2" | sha256sum --check - \
    && mkdir /pcsc && tar -xf pcsc.tar.bz2 -C /pcsc --strip-components 1 \
    && cd /pcsc \
    # Its lists have names that libosdp's have as well.
    && renamed=$(sed -n 's/^[a-z].*[ *]\(list_[a-z_]*\)(.*/-D\1=pcsc_\1/p' src/simclist.h | sort -u | tr '\n' ' ') \
    && CC=arm-linux-musleabihf-gcc AR=arm-linux-musleabihf-ar RANLIB=arm-linux-musleabihf-ranlib CFLAGS="-Os $renamed" \
        PKG_CONFIG_LIBDIR=/nonexistent ./configure --host=arm-linux-musleabihf --enable-static --disable-shared \
        --disable-libudev --disable-libusb --disable-libsystemd --disable-usb --disable-serial --disable-documentation \
        --enable-ipcdir=/run/pcscd \
    && make -C src libpcsclite.la
