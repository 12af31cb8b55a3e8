/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bodies of /agent/v1/ as typed values: docs/protocol.md describes each; both sides encode
 * and decode with these functions only. Decoders check every bound and leave @ret untouched on
 * failure; strings in structs are owned unless they are arrays. This header is all of them.
 */
#ifndef WIRE_MESSAGES_H
#define WIRE_MESSAGES_H

#include "common/wire/access.h"
#include "common/wire/beat.h"
#include "common/wire/enrolment.h"
#include "common/wire/error_body.h"
#include "common/wire/protocol.h"

#endif
