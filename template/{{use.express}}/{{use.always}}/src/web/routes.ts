/** The routes of the application, read from its routers. */

import { type IRouter, Router } from 'express';
import type { ILayer } from 'express-serve-static-core';

import { isPublic } from './access.ts';
import { type Operation, type OperationHandler, templateOf } from './operation.ts';

/** Routers by the path where they are mounted. */
export type Routers = Readonly<Record<string, IRouter>>;

export interface Route {
  method: string;
  /** The path, with the names of its parameters: `/api/v1/users/:user_id`. */
  template: string;
  operation: Operation;
}

/** A router that takes paths exactly as they are written. */
export function createRouter(): Router {
  return Router({ caseSensitive: true, strict: true });
}

/** All routes. @throws if one has no operation, or neither has a permission nor is public */
export function routesOf(routers: Routers): Route[] {
  const routes = Object.entries(routers).flatMap(([mount, router]) =>
    router.stack.flatMap(({ route }) =>
      route === undefined ? [] : methodsOf(templateOf(mount, route.path), route.stack),
    ),
  );
  for (const { template, operation } of routes) {
    if (operation.permission === undefined && !isPublic(template)) {
      throw new Error(`${template} has neither a permission nor is it public`);
    }
  }
  return routes;
}

/** The methods of the routes that match a path. Without parameters beats with: `/users/me` is no `/users/:id`. */
export function allowedMethods(routes: readonly Route[], path: string): string[] {
  const parts = path.split('/');
  const matching = routes.filter(({ template }) => matches(template.split('/'), parts));
  const literal = matching.filter(({ template }) => !template.includes(':'));
  const best = literal.length > 0 ? literal : matching;
  const methods = best.map(({ method }) => method.toUpperCase());
  return [...new Set([...methods, ...(methods.includes('GET') ? ['HEAD'] : [])])].toSorted();
}

/** A route has an operation for each of its methods. */
function methodsOf(template: string, layers: readonly ILayer[]): Route[] {
  const methods = [...new Set(layers.map(({ method }) => method))];
  return methods.map((method) => {
    const handlers = layers.filter((layer) => layer.method === method).map(({ handle }) => handle);
    const checked = handlers.find((handle): handle is OperationHandler => 'operation' in handle);
    if (checked === undefined) throw new Error(`${method.toUpperCase()} ${template} has no operation`);
    return { method, template, operation: checked.operation };
  });
}

function matches(segments: readonly string[], parts: readonly string[]): boolean {
  return (
    segments.length === parts.length &&
    segments.every((segment, index) => segment === parts[index] || (segment.startsWith(':') && parts[index] !== ''))
  );
}
