import { afterEach } from '@jest/globals';
import { ClusterProcess, type ClusterOptions } from './cluster-process.ts';
import { Load, type Clients } from './load.ts';
import { Releases } from './releases.ts';

/** What a suite of cluster tests works with; everything is ended and removed after each test. */
export interface ClusterSuite {
  /** A new host with one release on it. */
  host(): Promise<Releases>;
  /** A cluster that serves, on a host of its own if none is given; `quiet` when its log level hides that. */
  start(options?: ClusterOptions & { releases?: Releases; quiet?: boolean }): Promise<ClusterProcess>;
  /** A cluster that was just launched. */
  launch(options?: ClusterOptions & { releases?: Releases }): Promise<ClusterProcess>;
  load(cluster: ClusterProcess, clients?: readonly Clients[]): Promise<Load>;
  /** To be called when the test is over. */
  cleanUp(job: () => unknown): void;
}

export function clusterSuite(): ClusterSuite {
  const jobs: (() => unknown)[] = [];
  const cleanUp = (job: () => unknown) => {
    jobs.push(job);
  };
  afterEach(async () => {
    for (const job of jobs.splice(0).reverse()) await job();
  });
  const host = async () => {
    const releases = await Releases.create();
    cleanUp(() => releases.remove());
    return releases;
  };
  const launch: ClusterSuite['launch'] = async ({ releases, ...options } = {}) => {
    const cluster = await ClusterProcess.launch(releases ?? (await host()), options);
    cleanUp(() => cluster.stop());
    return cluster;
  };
  return {
    host,
    launch,
    cleanUp,
    start: async ({ quiet = false, ...options } = {}) => {
      const cluster = await launch(options);
      if (quiet) await cluster.untilServing();
      else await cluster.logged('state', { fields: { state: 'serving' } });
      return cluster;
    },
    load: async (cluster, clients) => {
      const load = await Load.start(cluster.port, clients);
      cleanUp(() => {
        load.kill();
      });
      return load;
    },
  };
}
