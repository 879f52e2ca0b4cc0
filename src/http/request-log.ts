import { symbols, type Bindings, type Logger } from 'pino';

const { chindingsSym } = symbols;

/** The name under which pino-http asks for the logger of a request's line; see `accessLog`. */
export const LINE = 'lineOf';

/**
 * A logger for pino-http, that makes the two loggers pino-http wants for each request at next to no cost.
 *
 * - `req.log` is a child with the request's id that works its id into the line when it writes one. Most requests
 *   never use it: pino's own child would write the id out each time.
 * - The request's own line goes through one logger for all of them, without redaction: its fields are known, and what
 *   may be secret in them (the query) is blanked already. pino's redaction looks at each field of a line for each
 *   wildcard, which was a quarter of all a request cost. Errors take the way of every other line, redaction included.
 */
export function requestLoggers(logger: Logger): Logger {
  const child = requestChild(logger, lineLogger(logger));
  const factory = derive(logger, {
    child: { value: ({ reqId }: Bindings) => child(reqId as string) },
  });
  return derive(logger, { child: { value: () => factory } });
}

/** A logger that differs from the given one, and follows it in everything else, its level included. */
function derive(logger: Logger, properties: PropertyDescriptorMap): Logger {
  return Object.create(logger, properties) as Logger;
}

function lineLogger(logger: Logger): Logger {
  const line = logger.child({}, { redact: [] });
  return derive(line, {
    error: {
      value: (fields: object, message: string) => {
        logger.error(fields, message);
      },
    },
  });
}

interface RequestLogger extends Logger {
  requestId: string;
}

function requestChild(logger: Logger, line: Logger): (requestId: string) => Logger {
  const prototype = derive(logger, {
    requestId: { value: '', writable: true },
    // pino's name for the text of a logger's bindings.
    [chindingsSym]: {
      get(this: RequestLogger) {
        const outer = (logger as unknown as Record<symbol, string>)[chindingsSym] ?? '';
        return `${outer},"reqId":${JSON.stringify(this.requestId)}`;
      },
      // A child of req.log, and setBindings, write their own.
      set(this: Logger, value: string) {
        Object.defineProperty(this, chindingsSym, { value, writable: true });
      },
    },
    child: {
      value(this: Logger, bindings: Bindings, options?: object) {
        if (LINE in bindings) return line;
        // eslint-disable-next-line @typescript-eslint/unbound-method -- bound to this very logger by Reflect.apply
        return Reflect.apply(logger.child, this, options ? [bindings, options] : [bindings]) as Logger;
      },
    },
  });
  return (requestId) => {
    const child = Object.create(prototype) as RequestLogger;
    child.requestId = requestId;
    return child;
  };
}
