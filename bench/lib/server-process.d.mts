export interface ServerOptions {
  readonly name: string;
  readonly args: readonly string[];
  readonly directory: string;
  readonly env?: Readonly<Record<string, string>>;
}

export class ServerProcess {
  static start(options: ServerOptions): Promise<ServerProcess>;
  readonly url: string;
  expectLines(text: string, count: number): void;
  countLines(): Promise<number>;
  stop(): Promise<void>;
}
