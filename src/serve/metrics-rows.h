/* SPDX-License-Identifier: Apache-2.0
 *
 * The emitters of the rows about accounts and about the agent, for the table in metrics.c.
 */
#pragma once

struct jk_exposition;

/* metrics-accounts.c */
void jk_emit_cgroup_joules(struct jk_exposition *out);
void jk_emit_cgroup_watts(struct jk_exposition *out);
void jk_emit_cgroup_epc(struct jk_exposition *out);
void jk_emit_process_joules(struct jk_exposition *out);
void jk_emit_process_watts(struct jk_exposition *out);
void jk_emit_process_cpu_seconds(struct jk_exposition *out);
void jk_emit_process_enclave(struct jk_exposition *out);
void jk_emit_user_joules(struct jk_exposition *out);
void jk_emit_user_watts(struct jk_exposition *out);
void jk_emit_user_cpu_seconds(struct jk_exposition *out);
void jk_emit_ended_joules(struct jk_exposition *out);
void jk_emit_accounts(struct jk_exposition *out);
void jk_emit_accounts_left_out(struct jk_exposition *out);

/* metrics-agent.c */
void jk_emit_ticks(struct jk_exposition *out);
void jk_emit_late_ticks(struct jk_exposition *out);
void jk_emit_missed_ticks(struct jk_exposition *out);
void jk_emit_lost_events(struct jk_exposition *out);
void jk_emit_tick_phases(struct jk_exposition *out);
void jk_emit_interval(struct jk_exposition *out);
void jk_emit_last_tick(struct jk_exposition *out);
void jk_emit_start(struct jk_exposition *out);
void jk_emit_self_cpu(struct jk_exposition *out);
void jk_emit_self_resident(struct jk_exposition *out);
void jk_emit_meter_working(struct jk_exposition *out);
void jk_emit_meter_failures(struct jk_exposition *out);
void jk_emit_meter_offset(struct jk_exposition *out);
void jk_emit_http_durations(struct jk_exposition *out);
void jk_emit_http_replies(struct jk_exposition *out);
void jk_emit_http_cut(struct jk_exposition *out);
void jk_emit_http_connections(struct jk_exposition *out);
void jk_emit_agent(struct jk_exposition *out);
void jk_emit_build(struct jk_exposition *out);
