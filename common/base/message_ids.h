/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The events that the journal's catalog explains (journalctl -x), each with the 128-bit id that
 * names it for ever: an id is never given to another event, a new event gets a new one
 * (systemd-id128 new). The texts are systemd/ece-agent.catalog and ece-coordinator.catalog;
 * scripts/check-catalog.sh holds the three together.
 */
#ifndef BASE_MESSAGE_IDS_H
#define BASE_MESSAGE_IDS_H

/* The agent. */

/** The first heartbeat was accepted, or the first after a time without. */
#define MESSAGE_AGENT_CONNECTED "bd2cd1833b1f441d8c4edb86bc0d3b5e"
/** It was connected and is not any more; the agent tries again by itself. */
#define MESSAGE_AGENT_DISCONNECTED "0b708b8a476b48d09e5947b006326e10"
/** The coordinator does not know this host's key: the runner was deleted. */
#define MESSAGE_AGENT_REJECTED "0b23f5c61c374355a6c1c3b08001330f"
/** Two live hosts with one identity; seen from either. */
#define MESSAGE_AGENT_CONFLICT "75cdbf948cab47fe813f053c5dc6263b"
/** No token, one that will not do, or an answer that only another token or configuration
 * changes. */
#define MESSAGE_AGENT_NOT_JOINED "697a476f12104709999f4622a9f5d9d9"
/** identity.json is there and cannot be used: damaged, newer, or not ours. */
#define MESSAGE_AGENT_IDENTITY_UNREADABLE "7c59c6c7499b4b46960e11ce8b23c67a"

/* The coordinator. */

/** It serves. */
#define MESSAGE_COORDINATOR_STARTED "a9093e20f7c249b298fc07c9f5529a06"
/** First start: the installation and its first secrets are there now. */
#define MESSAGE_INSTALLATION_MADE "6263631a1adc4c29abbd4f88ce5226f6"
/** Something could not be made durable; said once until it heals. */
#define MESSAGE_STORE_FAILING "866b8d9f131a4f8daff6aa31f1880fc1"
/** A host joined. */
#define MESSAGE_RUNNER_ENROLLED "c5f91cd05db54f2d910d9a41b45402c4"
/** A host with another key has the id of a disconnected runner from now on. */
#define MESSAGE_RUNNER_TAKEN_OVER "d8e389cc62e54bf89cd02b50ee2a6905"
/** A host wanted to join and may not. */
#define MESSAGE_RUNNER_REFUSED "ea928e58a3f4487492806afbc2aefd85"
/** Its heartbeats arrive. */
#define MESSAGE_RUNNER_CONNECTED "af0592a29313460b98e049c8b6ba938f"
/** They do not any more: goodbye, a closed connection, or the end of its lease. */
#define MESSAGE_RUNNER_DISCONNECTED "85b07fbd3db1483b87af98fcd4a813a0"
/** A second host uses a connected runner's identity. */
#define MESSAGE_RUNNER_CONFLICT "4ccd80cd92e7421fbbcbb95e052ac0ed"
/** The host asked to be forgotten. */
#define MESSAGE_RUNNER_LEFT "bda8bd3e84374bc5808a48ab2239ad8f"
/** An operator removed it. */
#define MESSAGE_RUNNER_DELETED "35010af42357417e9b049658654b374f"

#endif
