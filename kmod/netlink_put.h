/* SPDX-License-Identifier: GPL-2.0 */
#ifndef OSC_NETLINK_PUT_H
#define OSC_NETLINK_PUT_H

struct osc_histogram_view;
struct osc_source;
struct osc_target_view;
struct sk_buff;
struct user_namespace;

int osc_put_source(struct sk_buff *skb, const struct osc_source *source);
int osc_put_totals(struct sk_buff *skb, int cpu);
int osc_put_target(struct sk_buff *skb, const struct osc_target_view *view,
		   struct user_namespace *user_ns);
int osc_put_timing(struct sk_buff *skb, unsigned int timing);
int osc_put_histogram(struct sk_buff *skb,
		      const struct osc_histogram_view *view);

#endif /* OSC_NETLINK_PUT_H */
