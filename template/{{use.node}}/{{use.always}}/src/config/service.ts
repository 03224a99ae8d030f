import { BlockList, isIP } from 'node:net';
import { availableParallelism } from 'node:os';

import type { Env } from './env.ts';

/** The port of the metrics in production and in a cluster, unless `METRICS_PORT` is set. */
export const DEFAULT_METRICS_PORT = 9464;

export type ServiceSettings = ReturnType<typeof readServiceSettings>;

/** A number of requests in a window of time. */
export interface Rate {
  limit: number;
  seconds: number;
}

export function readServiceSettings(env: Env) {
  const appEnv = env.oneOf('APP_ENV', ['development', 'test', 'production'], 'development');
  const isProduction = appEnv === 'production';
  const isDevelopment = appEnv === 'development';
  const host = env.string('HOST', '127.0.0.1');
  if (env.optional('APP_ENV') === undefined && !isLoopback(host)) {
    // The defaults for development include secrets that everybody knows.
    env.refuse('APP_ENV', `must be set to listen on ${host}, which is not a loopback address`);
  }
  const maxBodyBytes = env.integer('MAX_BODY_BYTES', 1_048_576);
  const shutdownGraceSeconds = env.number('SHUTDOWN_GRACE_SECONDS', 20, { min: 1 });
  const shutdownDelaySeconds = env.number(
    'SHUTDOWN_DELAY_SECONDS',
    isDevelopment ? 0 : Math.min(1, shutdownGraceSeconds / 2),
  );
  if (shutdownDelaySeconds >= shutdownGraceSeconds) {
    env.refuse('SHUTDOWN_DELAY_SECONDS', 'must be less than SHUTDOWN_GRACE_SECONDS');
  }
  return {
    isProduction,
    host,
    port: env.integer('PORT', 8000, { min: 0, max: 65_535 }),
    /** The port that serves only `/metrics`; 0 if the main port serves it. */
    metricsPort: env.integer('METRICS_PORT', isProduction ? DEFAULT_METRICS_PORT : 0, { max: 65_535 }),
    /** The processes of a cluster. */
    workers: env.integer('WORKERS', availableParallelism(), { max: 1024 }),
    logLevel: env.oneOf('LOG_LEVEL', ['debug', 'info', 'warning', 'error'], 'info'),
    logFormat: env.oneOf('LOG_FORMAT', ['json', 'console'], isDevelopment ? 'console' : 'json'),
    docsEnabled: env.boolean('DOCS_ENABLED', !isProduction),
    corsOrigins: env.list('CORS_ORIGINS'),
    allowedHosts: readHosts(env),
    trustedProxies: readNetworks(env, 'TRUSTED_PROXIES'),
    rateLimitDefault: readRate(env, 'RATE_LIMIT_DEFAULT', '600/minute'),
    maxBodyBytes,
    /** Request bodies that are received at the same time. */
    maxUploads: env.integer('MAX_UPLOADS', 256),
    /** The total size of the request bodies that are received at the same time. */
    maxUploadBytes: env.integer('MAX_UPLOAD_BYTES', Math.max(16_777_216, maxBodyBytes), { min: maxBodyBytes }),
    bodyTimeoutSeconds: env.number('BODY_TIMEOUT_SECONDS', 30, { min: 0.001, max: 86_400 }),
    /** Requests in flight. More requests are refused at once. */
    maxConcurrency: env.integer('MAX_CONCURRENCY', 64),
    /** How long new connections are accepted after readiness has turned 503. */
    shutdownDelaySeconds,
    shutdownGraceSeconds,
  };
}

export function readRate(env: Env, name: string, fallback: string): Rate {
  const [, limit = '1', unit = 'day'] =
    /^([1-9]\d{0,8})\/(second|minute|hour|day)$/.exec(env.string(name, fallback)) ?? [];
  if (env.string(name, fallback) !== `${limit}/${unit}`) env.refuse(name, 'must read like 600/minute');
  return { limit: Number(limit), seconds: { second: 1, minute: 60, hour: 3600, day: 86_400 }[unit] ?? 1 };
}

function readHosts(env: Env): string[] {
  const hosts = env.list('ALLOWED_HOSTS', ['*']);
  if (hosts.some((host) => host !== '*' && host.replace(/^\*\./, '').includes('*'))) {
    env.refuse('ALLOWED_HOSTS', 'must be host names, *.DOMAIN or *');
  }
  return hosts.map((host) => host.toLowerCase());
}

function readNetworks(env: Env, name: string): string[] {
  const networks = env.list(name);
  for (const network of networks) {
    const [address = '', prefix] = network.split('/');
    try {
      const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
      if (prefix === undefined) new BlockList().addAddress(address, family);
      else new BlockList().addSubnet(address, Number(prefix), family);
    } catch {
      env.refuse(name, `${network} is not an address or a network`);
    }
  }
  return networks;
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}
