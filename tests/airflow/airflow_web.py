"""Run in an Airflow's own Python: make the database in AIRFLOW_HOME, and in Airflow 2 its users.

python airflow_web.py USERS_JSON

USERS_JSON has the users' names, each its role's too, and passwords; Airflow 3 is told of them by its settings.
"""

import json
import sys

from airflow.utils import db


def main() -> None:
    db.initdb()
    try:
        from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder
    except ImportError:  # Airflow 3
        return
    from werkzeug.security import generate_password_hash

    with get_application_builder() as builder:
        builder.sm.sync_roles()
        for name, password in json.loads(sys.argv[1]).items():
            role = builder.sm.find_role(name.title())
            hashed = generate_password_hash(password, "pbkdf2:sha256:1")  # each request is let in by its password
            assert builder.sm.add_user(name, name, name, f"{name}@example.com", role, hashed_password=hashed)


if __name__ == "__main__":
    main()
