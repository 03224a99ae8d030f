import { type ArgumentMetadata, Injectable, type PipeTransform, StandardSchemaValidationPipe } from '@nestjs/common';
import type { core } from 'zod';

import { type InvalidValue, ServiceError } from '../errors.ts';

type Issues = readonly core.$ZodIssue[];
type Path = readonly PropertyKey[];

/** If there are more invalid values, only the first one is listed: a body may have a million unknown fields. */
const MOST_VALUES = 1000;

/** Checks one part of a request. What its schema does not accept is refused with the error that `refuse` makes. */
class PartPipe extends StandardSchemaValidationPipe {
  constructor(refuse: (issues: Issues) => ServiceError) {
    super({ exceptionFactory: (issues) => refuse(issues as Issues) });
  }

  protected override stripProtoKeys(): void {
    // Nest would drop some unknown fields in silence. The schemas refuse all of them.
  }
}

const PIPES: Partial<Record<ArgumentMetadata['type'], PipeTransform>> = {
  body: new PartPipe((issues) => {
    const errors = invalidValues(issues, jsonPointer);
    return new ServiceError('validation_failed', counted(errors), { errors });
  }),
  query: new PartPipe((issues) => {
    const errors = invalidValues(issues, (path) => path.join('.'));
    return new ServiceError('invalid_parameter', counted(errors), { errors });
  }),
  // There is nothing at such a path.
  param: new PartPipe(() => new ServiceError('not_found')),
};

/** Validates the parts of a request by the schemas in the decorators of the parameters. */
@Injectable()
export class ValidationPipe implements PipeTransform {
  transform(value: unknown, metadata: ArgumentMetadata): unknown {
    const pipe = PIPES[metadata.type];
    return metadata.schema === undefined || pipe === undefined ? value : pipe.transform(value, metadata);
  }
}

function invalidValues(issues: Issues, nameOf: (path: Path) => string): InvalidValue[] {
  const all = issues.flatMap(({ code, message, path, ...issue }) => {
    const paths = 'keys' in issue && code === 'unrecognized_keys' ? issue.keys.map((key) => [...path, key]) : [path];
    return paths.map((each) => ({ pointer: nameOf(each), code, detail: message }));
  });
  return all.length > MOST_VALUES ? all.slice(0, 1) : all;
}

function counted({ length }: readonly InvalidValue[]): string {
  return `${length === 1 ? '1 field is' : `${length} fields are`} not valid`;
}

function jsonPointer(path: Path): string {
  return path.map((name) => `/${String(name).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}
