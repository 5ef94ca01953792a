/* SPDX-License-Identifier: Apache-2.0 */
/* References of container images, as `docker pull` reads them: host:5000/path/name:tag@sha256:... */
#ifndef PROCESSOR_K8S_ATTRIBUTES_K8S_IMAGE_H
#define PROCESSOR_K8S_ATTRIBUTES_K8S_IMAGE_H

#include "base/buf.h"

struct regex;

struct k8s_image {
    struct bytes name;        /* host and path */
    struct bytes tag, digest; /* empty where there is none */
};

struct regex *k8s_image_pattern(void); /* for the calls below; regex_free() */

/* False: it is none. */
bool k8s_image_read(struct regex *pattern, struct bytes text, struct k8s_image *image);

/* Append the reference with host and whole path, of one that has a digest. False: it is none, or has none. */
bool k8s_image_put_canonical(struct regex *pattern, struct bytes text, struct buf *out);

#endif
