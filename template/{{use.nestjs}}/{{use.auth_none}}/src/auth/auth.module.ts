import { Module } from '@nestjs/common';

/** The routes of authentication: there are none. */
@Module({})
export class AuthModule {}
