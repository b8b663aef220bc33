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
    with get_application_builder() as builder:
        builder.sm.sync_roles()
        for name, password in json.loads(sys.argv[1]).items():
            role = builder.sm.find_role(name.title())
            assert builder.sm.add_user(name, name, name, f"{name}@example.com", role, password=password)


if __name__ == "__main__":
    main()
