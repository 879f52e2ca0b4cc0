/** What `summarizePeers` returns, as far as the chart needs it. */
export function peersChart(summary: {
  machine: string;
  peers: { id: string; title: string; ratio: number }[];
}): string;
